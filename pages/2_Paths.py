"""f along a path of images: its pieces, its chords, and the deviation between them."""

from lrviz.ui.navigation import run_page
from lrviz.ui.paths_page import paths

run_page(paths)
