"""Results as files: figures for print, pages for the browser, numbers for other programs."""

from lrviz.export.comparison import COMPARISON_SUFFIXES, fitting_paper, render_comparison
from lrviz.export.paper import PRINTED, SUFFIXES, Paper
from lrviz.export.regions import render, save_figure

__all__ = [
    "COMPARISON_SUFFIXES",
    "PRINTED",
    "SUFFIXES",
    "Paper",
    "fitting_paper",
    "render",
    "render_comparison",
    "save_figure",
]
