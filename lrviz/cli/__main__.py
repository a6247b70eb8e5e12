"""Run the command as `python -m lrviz.cli`."""

from lrviz.cli import main

main()
