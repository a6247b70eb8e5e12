"""Trained networks and images: from files, shipped, or trained here.

In come names, files and recipes, out go models with their cards, images, and paths of images.
"""
