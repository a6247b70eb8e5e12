"""f along a path of images: its pieces, its chords, and the deviation between them."""

from lrviz.ui.navigation import run_page

run_page("lrviz.ui.paths_page:paths")
