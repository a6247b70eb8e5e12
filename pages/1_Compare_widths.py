"""One window in networks of several widths, side by side."""

from lrviz.ui.compare import compare_widths
from lrviz.ui.explore import guarded

guarded(compare_widths)
