"""Frozen descriptions of what is shown, and the objects that they name.

In comes a link or a text, out go the models, planes, windows and paths that the engine works on, and what was measured.
"""
