"""Results become numbers: slope, jump, similarity, deviation, variation, density, of windows, paths and sweeps.

In come results of the engine, out go numbers and tables; all integrals are exact. The names of `__init__.pyi` are
imported when they are first used; `definitions`, `window`, `boundary`, `overlay`, `path`, `sweeps`, `distributions` and
`tables` hold the rest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
