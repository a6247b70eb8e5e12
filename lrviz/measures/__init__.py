"""Results become numbers: slope, jump, similarity, deviation, variation, density, of windows, paths and sweeps.

In come results of the engine, out go numbers and tables; all integrals are exact.
"""
