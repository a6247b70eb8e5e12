"""Test error, density and deviation against width, as measured along paths."""

from lrviz.ui.double_descent import double_descent
from lrviz.ui.navigation import run_page

run_page(double_descent)
