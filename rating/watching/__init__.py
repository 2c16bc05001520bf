"""After the rating: early warning and the history of grades."""
