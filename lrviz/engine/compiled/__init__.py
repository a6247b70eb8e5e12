"""The compiled core: the cells of a restricted network on the CPU, by numba, without Python's lock."""
