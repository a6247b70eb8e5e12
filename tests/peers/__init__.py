"""lrviz beside other tools: `python -m tests.benchmark --peers` measures each of them in a process of its own."""
