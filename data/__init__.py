"""Readers, column contracts with units, churn curves, the book of enterprises; imports nothing of ours."""
