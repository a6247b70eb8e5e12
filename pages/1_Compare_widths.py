"""One window in networks of several widths, side by side."""

from lrviz.ui.navigation import run_page

run_page("lrviz.ui.compare:compare_widths")
