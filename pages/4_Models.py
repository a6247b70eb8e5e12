"""The shipped models, where the data is, and the cache."""

from lrviz.ui.navigation import run_page

run_page("lrviz.ui.models:models")
