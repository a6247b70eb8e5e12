"""lrviz: see and measure the linear regions of trained ReLU networks.

The names of `__init__.pyi` are imported when they are first used: the command line need not wait for PyTorch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
