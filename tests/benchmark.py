"""How fast the engine is on this machine: `python -m tests.benchmark`, and beside other tools: with `--peers`."""

import argparse
import resource
import time
from pathlib import Path

import torch

import lrviz
from lrviz.engine.compiled.ready import wait_until_ready
from lrviz.models.architectures import build
from lrviz.models.images import list_samples
from lrviz.models.paths import closed_path
from tests.peers import costs, table

HALF_WIDTHS = (0.07, 0.21, 0.66)
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="compare with other tools, and draw what lrviz costs")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where to write these figures")
    options = parser.parse_args()
    if options.peers:
        compare(options.out)
    else:
        measure_engine()


def compare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for line in table.lines(REPEATS):
        print(line, flush=True)
    print()
    for line in costs.write_figures(folder, REPEATS):
        print(line, flush=True)


def measure_engine() -> None:
    wait_until_ready()
    model = lrviz.load_model("vgg8")
    program = lrviz.Program.from_module(model.module, torch.zeros(1, *model.input_shape, device="cpu"))
    fresh = lrviz.Program.from_module(build("vgg8", 1, 10, seed=0), torch.zeros(1, *model.input_shape, device="cpu"))
    samples = list_samples("cifar10")
    images = [model.normalise(torch.tensor(sample.image, device="cpu")) for sample in samples[:3]]
    circle = model.normalise(closed_path(samples[0].image).points)
    find_regions(program, lrviz.Plane.through(*images))
    find_pieces({"trained": program, "not trained": fresh}, {"segment": images[:2], "closed path": circle})


def find_regions(program: lrviz.Program, plane: lrviz.Plane) -> None:
    center = plane.triangle().center
    lrviz.find_regions(program, plane, lrviz.Window.rectangle(center, 0.02))
    print("| half width | regions | seconds | regions per second | peak memory of the process |")
    print("| --- | --- | --- | --- | --- |")
    for half_width in HALF_WIDTHS:
        began = time.perf_counter()
        regions = lrviz.find_regions(program, plane, lrviz.Window.rectangle(center, half_width), max_regions=2_000_000)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {half_width} | {len(regions):,} | {seconds:.2f} | {len(regions) / seconds:,.0f} | {peak:,.0f} MB |")


def find_pieces(programs: dict[str, lrviz.Program], paths: dict[str, object]) -> None:
    print("\n| VGG8 | path | segments | pieces | seconds | CPU seconds | pieces per second |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for state, program in programs.items():
        for kind, points in paths.items():
            began, used = time.perf_counter(), time.process_time()
            path = lrviz.find_path_pieces(program, points)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            number = len(path.pattern)
            row = (state, kind, len(path), f"{number:,}", f"{seconds:.2f}", f"{used:.2f}", f"{number / seconds:,.0f}")
            print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
