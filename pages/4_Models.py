"""The shipped models, where the data is, and the cache."""

from lrviz.ui.explore import guarded
from lrviz.ui.models import models

guarded(models)
