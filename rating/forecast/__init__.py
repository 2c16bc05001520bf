"""Learning grades and defaults from indicators, and telling how well that works."""
