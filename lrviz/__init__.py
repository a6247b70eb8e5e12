"""lrviz: see and measure the linear regions of trained ReLU networks."""

from lrviz.errors import LrvizError, UnsupportedOperation
from lrviz.estimate import estimate_regions
from lrviz.line import find_path_pieces, find_pieces
from lrviz.plane import Plane, Segment, Window
from lrviz.polygon import find_regions
from lrviz.program import Program
from lrviz.raster import sample_plane
from lrviz.regions import Estimate, PathPieces, Pieces, Regions, Samples
from lrviz.zoo import Model, load_model

__all__ = [
    "Estimate",
    "LrvizError",
    "Model",
    "PathPieces",
    "Pieces",
    "Plane",
    "Program",
    "Regions",
    "Samples",
    "Segment",
    "UnsupportedOperation",
    "Window",
    "estimate_regions",
    "find_path_pieces",
    "find_pieces",
    "find_regions",
    "load_model",
    "sample_plane",
]
