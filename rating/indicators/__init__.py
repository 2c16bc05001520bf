"""What invoices say of an enterprise, as numbers."""
