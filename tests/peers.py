"""lrviz beside other tools, one process a tool: `python -m tests.benchmark --peers`.

A process finds the regions of one network a few times and prints what it took as JSON:
`python -m tests.peers TOOL NETWORK REPEATS`.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

import lrviz
from lrviz.engine.compiled.ready import wait_until_ready
from lrviz.models.images import list_samples
from tests.cases import flat_plane

TOOLS = ("lrviz", "lrviz by PyTorch", "regioncam")
MLPS = {
    "2-64x4-10": (2, 64, 64, 64, 64, 10),
    "2-128x3-10": (2, 128, 128, 128, 10),
    "2-256x3-10": (2, 256, 256, 256, 10),
}
HALF_WIDTHS = {"vgg8 1e4": 0.21, "vgg8 1e5": 0.66, "vgg8 1e6": 2.1}
Weights = list[tuple[np.ndarray, np.ndarray]]


def he_weights(*sizes: int) -> Weights:
    """Weights N(0, 2 / inputs) and biases 0.5 N(0, 1) of a chain of linear layers."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(after, before)) * np.sqrt(2 / before), 0.5 * rng.normal(size=after))
        for before, after in pairwise(sizes)
    ]


def chain(weights: Weights) -> torch.nn.Sequential:
    """The same weights as a network with ReLUs in between."""
    modules: list[torch.nn.Module] = []
    for weight, bias in weights:
        linear = torch.nn.Linear(*weight.T.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight[:], linear.bias[:] = torch.tensor(weight), torch.tensor(bias)
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def by_lrviz(name: str) -> Callable[[], int]:
    """Counts the regions of a network."""
    if name in MLPS:
        program = lrviz.Program.from_module(chain(he_weights(*MLPS[name])), torch.zeros(1, 2, dtype=torch.float64))
        plane, window = flat_plane(), lrviz.Window.rectangle((0, 0), 1.0)
    else:
        model = lrviz.load_model("vgg8")
        program = model.program()
        images = [model.normalise(torch.tensor(sample.image)) for sample in list_samples("cifar10")[:3]]
        plane = lrviz.Plane.through(*images)
        window = lrviz.Window.rectangle(plane.triangle().center, HALF_WIDTHS[name])
    lrviz.find_regions(program, plane, lrviz.Window.rectangle(window.center, 0.01))
    return lambda: len(lrviz.find_regions(program, plane, window, max_regions=3_000_000))


def by_regioncam(name: str) -> Callable[[], int]:
    """Counts the faces of regioncam on its square of half size 1."""
    import regioncam  # noqa: PLC0415

    weights = [(weight.T.astype(np.float32), bias.astype(np.float32)) for weight, bias in he_weights(*MLPS[name])]

    def count() -> int:
        camera = regioncam.Regioncam(size=1.0)
        for place, (weight, bias) in enumerate(weights):
            if place:
                camera.add(regioncam.nn.ReLU())
            camera.add(regioncam.nn.Linear(weight=weight, bias=bias))
        return camera.num_faces

    return count


def measure(tool: str, name: str, repeats: int) -> dict[str, float]:
    """What finding the regions of a network takes: medians, and the peak memory of this process in MB."""
    if tool == "lrviz":
        wait_until_ready()
    count, seconds, used = (by_regioncam if tool == "regioncam" else by_lrviz)(name), [], []
    for _ in range(repeats):
        began, before = time.perf_counter(), time.process_time()
        regions = count()
        seconds.append(time.perf_counter() - began)
        used.append(time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"regions": regions, "seconds": statistics.median(seconds), "cpu": statistics.median(used), "peak": peak}


def measured_apart(tool: str, name: str, repeats: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.peers", tool, name, str(repeats)]
    environment = os.environ | {"LRVIZ_COMPILED": "never" if tool == TOOLS[1] else "wait"}
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def print_peers(repeats: int = 3) -> None:
    """Print a table of all tools on all networks, and what the number of regions costs."""
    print("| network | tool | regions | seconds | CPU seconds | CPU time against lrviz | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    own: dict[str, dict[str, float]] = {}
    for name in [*MLPS, *HALF_WIDTHS]:
        for tool in TOOLS if name in MLPS else TOOLS[:1] if name == "vgg8 1e6" else TOOLS[:2]:
            found = measured_apart(tool, name, repeats)
            first = own.setdefault(name, found)
            numbers = f"{found['regions']:,} | {found['seconds']:.2f} | {found['cpu']:.2f}"
            print(
                f"| {name} | {tool} | {numbers} | {found['cpu'] / first['cpu']:.1f} | {found['peak']:,.0f} MB |",
                flush=True,
            )
            if abs(found["regions"] - first["regions"]) > 1e-3 * first["regions"]:
                raise SystemExit(f"{tool} finds {found['regions']:,} regions of {name}; lrviz {first['regions']:,}.")
    few, many = own["vgg8 1e4"], own["vgg8 1e6"]
    growth = np.log(many["cpu"] / few["cpu"]) / np.log(many["regions"] / few["regions"])
    print(
        f"\nCPU time grows with the number of regions to the power {growth:.2f} between the first and last VGG8 window."
    )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
