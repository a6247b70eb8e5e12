"""A map of regions: what is drawn, on screen, in print and in files."""
