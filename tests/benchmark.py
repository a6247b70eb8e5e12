"""How fast the engine is on this machine: `python -m tests.benchmark`."""

import resource
import time

import torch

import lrviz
from lrviz.images import list_samples

HALF_WIDTHS = (0.07, 0.21, 0.66)


def main() -> None:
    model = lrviz.load_model("vgg8")
    program = lrviz.Program.from_module(model.module, torch.zeros(1, *model.input_shape, device="cpu"))
    images = [model.normalise(torch.tensor(sample.image, device="cpu")) for sample in list_samples("cifar10")[:3]]
    plane = lrviz.Plane.through(*images)
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


if __name__ == "__main__":
    main()
