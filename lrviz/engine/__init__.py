"""Finds regions, pieces and samples: restrict the network to a window, cut it into tiles, subdivide, merge.

In comes a program with a plane and a window or the points of a path, out goes a result, complete or as far as it got.
"""
