"""The rating report of one enterprise."""
