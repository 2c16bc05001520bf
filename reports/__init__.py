"""What people read: the plan's tables, its summary, the reasons, the folder and the terminal."""
