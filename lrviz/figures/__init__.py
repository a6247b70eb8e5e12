"""Results as Plotly figures: pure functions of data."""

from lrviz.figures.colouring import Colouring, colour_regions, title_of
from lrviz.figures.overview import OVERVIEW_QUANTITIES, blank_overview, overview
from lrviz.figures.panels import histogram, slope_image
from lrviz.figures.region_map import region_map

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
