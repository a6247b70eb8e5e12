"""What finding the regions of a network takes, measured in a process that does nothing else."""

import json
import re
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

OURS, BY_PYTORCH, EDGES, LINES = "lrviz", "lrviz by PyTorch", "edge subdivision", "stepping along 200 lines"
TOOLS = {OURS: "ours", BY_PYTORCH: "ours", "regioncam": "camera", EDGES: "edges", LINES: "lines"}
"""The module of each tool, whose `counter` makes what counts the regions of a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What finding the regions of a network takes.

    Attributes:
        regions: How many there are.
        seconds: Time, the median of some repetitions.
        cpu: CPU time of all threads in seconds, the median.
        peak: The most memory that the process ever held, in MB.
        before: The same before the first region: libraries and the network.
    """

    regions: int
    seconds: float
    cpu: float
    peak: float
    before: float


def measure(tool: str, name: str, repeats: int) -> Cost:
    """What a tool takes in this process."""
    count = import_module(f"tests.peers.{TOOLS[tool]}").counter(name)
    before, regions, seconds, used = peak_memory(), 0, [], []
    for _ in range(repeats):
        began, used_before = time.perf_counter(), time.process_time()
        regions = count()
        seconds.append(time.perf_counter() - began)
        used.append(time.process_time() - used_before)
    return Cost(
        regions=regions,
        seconds=statistics.median(seconds),
        cpu=statistics.median(used),
        peak=peak_memory(),
        before=before,
    )


def peak_memory() -> float:
    """The most memory that this process ever held, in MB.

    On Linux, `getrusage` would count in what the process held that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


@cache
def measure_apart(tool: str, name: str, repeats: int) -> Cost:
    """The same in a process of its own; what was measured is not measured again."""
    command = [sys.executable, "-m", "tests.peers", tool, name, str(repeats)]
    return Cost(**json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))


def print_cost(tool: str, name: str, repeats: int) -> None:
    """Print what a tool takes in this process as JSON."""
    print(json.dumps(asdict(measure(tool, name, repeats))))
