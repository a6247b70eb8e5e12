"""The region maps of several models side by side: what is drawn, on screen, in print and in files."""
