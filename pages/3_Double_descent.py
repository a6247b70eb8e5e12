"""Test error, density and deviation against width, as measured along paths."""

from lrviz.ui.navigation import run_page

run_page("lrviz.ui.double_descent:double_descent")
