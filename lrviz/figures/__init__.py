"""Results as Plotly figures: pure functions of data."""

from lrviz.figures.colouring import Colouring, colour_regions, title_of
from lrviz.figures.maps import region_map
from lrviz.figures.overview import OVERVIEW_QUANTITIES, blank_overview, overview
from lrviz.figures.panels import histogram, slope_image

__all__ = [
    "OVERVIEW_QUANTITIES",
    "Colouring",
    "blank_overview",
    "colour_regions",
    "histogram",
    "overview",
    "region_map",
    "slope_image",
    "title_of",
]
