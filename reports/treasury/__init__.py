"""The treasury's own workbook: filled with the plan, read back, and left as it was in all else."""
