"""Planes, windows and segments of the input space, and the convex cells in them: measured, split and cut.

In come points and lines, out go frozen shapes and arrays; nothing here knows what a network is.
"""
