"""f along a path: what is drawn, on screen, in print and in files."""
