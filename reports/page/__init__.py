"""The report that people look at: one HTML page of a plan, a sweep or a frontier."""
