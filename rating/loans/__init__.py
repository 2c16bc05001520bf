"""Loan histories: a scorecard, and grades under the default pyramid."""
