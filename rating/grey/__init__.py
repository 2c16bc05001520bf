"""The published method: grey relational analysis and the risk index."""
