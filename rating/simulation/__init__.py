"""A seeded book of enterprises and invoices that do not exist."""
