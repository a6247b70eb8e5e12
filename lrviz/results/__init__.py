"""The frozen answers of the engine, their files, and the store that keeps them.

In come arrays, out go checked read-only results; they are bytes in files and in the store, and come back the same.
"""
