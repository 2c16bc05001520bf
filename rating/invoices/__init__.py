"""Enterprises and invoices in: tables, the reader, and the data-quality report."""
