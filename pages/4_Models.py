"""The shipped models, where the data is, and the cache."""

from lrviz.ui.models import models
from lrviz.ui.navigation import run_page

run_page(models)
