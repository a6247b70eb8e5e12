"""f along a path of images: its pieces, its chords, and the deviation between them."""

from lrviz.ui.explore import guarded
from lrviz.ui.paths_page import paths

guarded(paths)
