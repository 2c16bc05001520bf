"""Many plans of one scenario: the points, the processes that solve them, and the folder they are written to."""
