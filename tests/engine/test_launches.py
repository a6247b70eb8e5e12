"""How much a GPU is asked for: operations, and moments at which the host waits for it, counted on the CPU."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import lrviz
from lrviz.engine import subdivide, tiles
from lrviz.engine.tiles import Limits
from lrviz.models.images import list_samples

WAITS = {"_local_scalar_dense", "nonzero", "unique_consecutive", "_unique2", "masked_select", "bincount", "equal"}
"""Operations whose result the host looks at, or whose result has a size that it has to know."""


class Operations(TorchDispatchMode):
    """Counts operations by name; indexing by a mask has to know how much is true."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.num_waits = Counter[str](), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.split(".")[0]
        by_mask = name.startswith("index") and any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool
            for index in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else [])
        )
        self.count[name] += 1
        self.num_waits += name in WAITS or by_mask
        return func(*args, **(kwargs or {}))


def one_by_one(
    tasks: Sequence[Any],
    step: Callable[[Any], tuple[list[Any], list[Any]]],
    workers: int,
    rank: Callable[[Any], int] = lambda task: 0,
) -> Iterator[Any]:
    """`work_off` in this thread, whose operations are counted."""
    waiting = list(tasks)
    while waiting:
        parts, results = step(waiting.pop())
        waiting.extend(parts)
        yield from results


def test_a_gpu_is_asked_ten_times_less_than_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """1e5 regions of the VGG8 took 180,000 operations and 3,300 waits, in tiles that fit a processor's cache."""
    monkeypatch.setenv("LRVIZ_COMPILED", "never")
    monkeypatch.setattr(tiles, "work_off", one_by_one)
    monkeypatch.setattr(Limits, "of", Limits.of_gpu)
    lists = list[torch.Tensor]()
    numbers = subdivide._numbers

    def counted(*values: torch.Tensor) -> list[int]:
        lists.append(values[0])  # `tolist` waits without an operation on the CPU
        return numbers(*values)

    monkeypatch.setattr(subdivide, "_numbers", counted)
    model = lrviz.load_model("vgg8")
    program = lrviz.Program.from_module(model.module, torch.zeros(1, *model.input_shape, device="cpu"))
    images = [model.normalise(torch.tensor(sample.image, device="cpu")) for sample in list_samples("cifar10")[:3]]
    plane = lrviz.Plane.through(*images)
    window = lrviz.Window.rectangle(plane.triangle().center, 0.66)
    with Operations() as operations:
        regions = lrviz.find_regions(program, plane, window, device="cpu")
    share = len(regions) / 1e5
    assert regions.status == "complete"
    assert 0.9 < share < 1
    assert operations.count.total() < 18_200 * share
    assert operations.num_waits + len(lists) < 330 * share
