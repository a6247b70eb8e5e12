"""One tool, one network, one process: `python -m tests.peers TOOL NETWORK REPEATS` prints what it took as JSON."""

import os
import sys

from tests.peers.process import BY_PYTORCH, print_cost

tool, name, repeats = sys.argv[1:]
os.environ["LRVIZ_COMPILED"] = "never" if tool == BY_PYTORCH else "wait"
print_cost(tool, name, int(repeats))
