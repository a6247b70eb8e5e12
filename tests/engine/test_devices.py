"""The choice of a device; and no part of the engine makes a tensor without saying where.

Nothing changes how many threads the process that calls it uses.
"""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from lrviz.devices import choose_device, single_threaded
from lrviz.engine.estimate import estimate_regions
from lrviz.engine.find_pieces import find_path_pieces, find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.errors import InvalidDevice
from lrviz.measures.curve import sample_curve
from lrviz.network.program import Program
from tests.cases import CASE, Case
from tests.factories import FACTORIES, explicit_devices

NAMES = ("mlp-50-50", "mlp-16-inputs", "residual", "saturating", "shapes", "black-image", "no-relu")


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    CASE[request.param].program  # noqa: B018  traced before the guard is up, once
    return CASE[request.param]


def test_the_guard_notices() -> None:
    for name in FACTORIES:
        source = f"torch.{name}(1)"
        with explicit_devices(), pytest.raises(AssertionError, match=f"lrviz.example calls torch.{name} without"):
            eval(source, {"torch": torch, "__name__": "lrviz.example"})
    with explicit_devices():
        assert eval("torch.zeros(1, device='cpu')", {"torch": torch, "__name__": "lrviz.example"}) == 0
        assert torch.zeros(1) == 0


def test_tracing(case: Case) -> None:
    with explicit_devices():
        Program.from_module(case.module, torch.zeros(1, *case.program.input_shape))


def test_propagating(case: Case) -> None:
    points = case.plane().embed(case.window().corners)
    with explicit_devices():
        case.program(points)
        case.program.patterns(points)


def test_sampling(case: Case) -> None:
    with explicit_devices():
        sample_plane(case.program, case.plane(), case.window(), resolution=8)


def test_finding_regions(case: Case) -> None:
    with explicit_devices():
        assert len(find_regions(case.program, case.plane(), case.window()))


def test_finding_pieces_and_estimating(case: Case) -> None:
    with explicit_devices():
        assert len(find_pieces(case.program, *case.plane().embed(np.array([[0.0, 0], [1, 1]]))))
        estimate_regions(case.program, case.plane(), case.window())


def test_chooses_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(InvalidDevice, match=r"finds no GPU here. Choose 'cpu'"):
        choose_device("cuda")


def test_chooses_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device() == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")


def test_mps_falls_back_to_the_processor_and_says_so() -> None:
    with pytest.warns(UserWarning, match="mps has no float64"):
        assert choose_device("mps") == torch.device("cpu")


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(InvalidDevice, match="got 'abacus'"):
        choose_device("abacus")


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_single_threaded_lasts_until_the_last_block_ends(three_threads: None) -> None:
    first, second = single_threaded(), single_threaded()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert torch.get_num_threads() == 1
    second.__exit__(None, None, None)
    assert torch.get_num_threads() == 3


def test_single_threaded_lasts_as_long_as_its_block() -> None:
    before = torch.get_num_threads()
    with single_threaded():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def answers(case: Case) -> dict[str, Callable[..., object]]:
    """Everything that computes, by name; each takes what follows as `progress` and `cancelled`."""
    program, plane, window = case.program, case.plane(), case.window()
    ends = plane.embed([[0.0, 0.0], [1.0, 1.0]])
    return {
        "regions": lambda **how: find_regions(program, plane, window, **how),
        "pieces": lambda **how: find_pieces(program, *ends, **how),
        "path": lambda **how: find_path_pieces(program, ends, **how),
        "samples": lambda **how: sample_plane(program, plane, window, resolution=64, **how),
        "estimate": lambda **how: estimate_regions(program, plane, window),
        "curve": lambda **how: sample_curve(program, ends),
    }


ANSWERS = ("regions", "pieces", "path", "samples", "estimate", "curve")


@pytest.mark.parametrize("name", ANSWERS)
def test_the_process_keeps_its_threads(three_threads: None, name: str) -> None:
    answers(CASE["mlp-50-50"])[name]()
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("name", ["regions", "pieces", "path", "samples"])
@pytest.mark.parametrize("argument", ["progress", "cancelled"])
def test_the_process_keeps_its_threads_when_a_callback_raises(three_threads: None, name: str, argument: str) -> None:
    def fail(*_: object) -> bool:
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own") as kept:
        answers(CASE["mlp-50-50"])[name](**{argument: fail})
    assert torch.get_num_threads() == 3
    del kept


def test_the_process_keeps_its_threads_when_several_threads_compute_at_once(three_threads: None) -> None:
    found, barrier = answers(CASE["mlp-50-50"]), threading.Barrier(3)
    after: dict[str, int] = {}

    def work(name: str) -> None:
        barrier.wait()
        for _ in range(5):
            found[name]()
        after[name] = torch.get_num_threads()

    workers = [threading.Thread(target=work, args=(name,)) for name in ("regions", "path", "samples")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    asked: list[int] = []
    new = threading.Thread(target=lambda: asked.append(torch.get_num_threads()))
    new.start()
    new.join()
    assert (after, asked, torch.get_num_threads()) == ({"regions": 3, "path": 3, "samples": 3}, [3], 3)


@pytest.mark.parametrize("device", ["meta", "cuda:99", "xla"])
@pytest.mark.parametrize("float64", [True, False])
def test_devices_that_cannot_compute_here_are_refused(device: str, float64: bool) -> None:
    with pytest.raises(InvalidDevice, match=f"The device '{device}' was asked for, but PyTorch .* here. Choose 'cpu'"):
        choose_device(device, float64=float64)
