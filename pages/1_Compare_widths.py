"""One window in networks of several widths, side by side."""

from lrviz.ui.compare import compare_widths
from lrviz.ui.navigation import run_page

run_page(compare_widths)
