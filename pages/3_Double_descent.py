"""Test error, density and deviation against width, as measured along paths."""

from lrviz.ui.double_descent import double_descent
from lrviz.ui.explore import guarded

guarded(double_descent)
