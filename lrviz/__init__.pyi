from . import measures as measures
from .engine.estimate import estimate_regions as estimate_regions
from .engine.find_pieces import find_path_pieces as find_path_pieces
from .engine.find_pieces import find_pieces as find_pieces
from .engine.find_regions import find_regions as find_regions
from .engine.sample import sample_plane as sample_plane
from .errors import LrvizError as LrvizError
from .errors import UnsupportedOperation as UnsupportedOperation
from .geometry.plane import Plane as Plane
from .geometry.plane import Segment as Segment
from .geometry.plane import Window as Window
from .models.catalogue import Model as Model
from .models.catalogue import load_model as load_model
from .models.images import ImageRecord as ImageRecord
from .models.images import load_image as load_image
from .network.program import Program as Program
from .results.check import check as check
from .results.estimate import Estimate as Estimate
from .results.pieces import PathPieces as PathPieces
from .results.pieces import Pieces as Pieces
from .results.regions import Regions as Regions
from .results.samples import Samples as Samples
from .results.status import Status as Status

__version__: str
