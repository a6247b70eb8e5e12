"""Wrong arguments: a sentence each, as a new user gets it, without the type checks of the tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SETTING = """
import json
from dataclasses import replace
import numpy as np, torch, lrviz
from torch import nn

module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
program = lrviz.Program.from_module(module, torch.zeros(1, 4))
points = torch.eye(4)
plane = lrviz.Plane.through(*points[:3])
window = plane.triangle()
nan, inf = float("nan"), float("inf")

def said(call):
    try:
        call()
    except lrviz.LrvizError as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"TRACEBACK {type(error).__name__}: {error}"
    return "no error"
"""

WRONG = {
    "lrviz.find_regions(module, plane, window)": "the module Sequential. Convert it first: lrviz.Program.from_module",
    "lrviz.estimate_regions(module, plane, window)": "got the module Sequential. Convert it first",
    "lrviz.sample_plane(module, plane, window)": "got the module Sequential. Convert it first",
    "lrviz.find_pieces(module, points[0], points[1])": "got the module Sequential. Convert it first",
    "lrviz.find_path_pieces(module, points)": "got the module Sequential. Convert it first",
    "lrviz.find_regions('vgg8', plane, window)": "A Program is needed; got str 'vgg8'",
    "lrviz.find_regions(None, plane, window)": "A Program is needed; got None",
    "lrviz.find_regions(program, window, plane)": "are needed, in this order; got a Window and a Plane",
    "lrviz.sample_plane(program, window, plane)": "Swap them",
    "lrviz.estimate_regions(program, window, plane)": "Swap them",
    "lrviz.find_regions(program, points, window)": "A Plane is needed; got Tensor of shape (4, 4)",
    "lrviz.find_regions(program, plane, (0, 0, 1))": "A Window is needed; got tuple (0, 0, 1)",
    "lrviz.find_regions(program, plane, plane)": "A Window is needed; got Plane",
    "lrviz.find_regions(program, plane, window.corners)": "A Window is needed; got ndarray of shape (3, 2)",
    "lrviz.find_regions(program, lrviz.Plane.through(*torch.eye(3)), window)": "takes inputs of shape (4,)",
    "lrviz.find_regions(program, plane, window, max_regions=-5)": "at least 1; got -5",
    "lrviz.find_regions(program, plane, window, max_regions=0)": "at least 1; got 0",
    "lrviz.find_regions(program, plane, window, max_regions=1e5)": "a whole number, at least 1; got float 100000.0",
    "lrviz.find_regions(program, plane, window, max_regions='many')": "a whole number, at least 1; got str 'many'",
    "lrviz.find_regions(program, plane, window, max_regions=None)": "a whole number, at least 1; got None",
    "lrviz.find_regions(program, plane, window, max_regions=True)": "a whole number, at least 1; got bool True",
    "lrviz.sample_plane(program, plane, window, resolution=10**6)": "of memory, more than this machine has",
    "lrviz.sample_plane(program, plane, window, resolution=0)": "at least 1; got 0",
    "lrviz.sample_plane(program, plane, window, resolution=2.5)": "a whole number, at least 1; got float 2.5",
    "lrviz.sample_plane(program, plane, window, dtype=torch.float16)": "torch.float32; got torch.float16",
    "lrviz.find_regions(program, plane, window, device='abacus')": "got 'abacus'",
    "lrviz.find_regions(program, plane, window, device=2.5)": "got 2.5",
    "lrviz.find_regions(program, plane, window, progress=True)": "progress must be a function",
    "lrviz.find_pieces(program, points[0], points[1], cancelled=False)": "cancelled must be a function",
    "lrviz.sample_plane(program, plane, window, cancelled=3)": "cancelled must be a function",
    "lrviz.find_pieces(program, points[0], points[0])": "two different inputs",
    "lrviz.find_pieces(program, points[:1], points[1:2])": "without a batch",
    "lrviz.find_pieces(program, points[0], points[1] * nan)": "Two finite inputs",
    "lrviz.find_pieces(program, points[0], 'b.png')": "must be an array of real numbers; got str 'b.png'",
    "lrviz.find_pieces(program, points[0], None)": "must be an array of real numbers; got None",
    "lrviz.find_pieces(program, points[0], points[1] * 1j)": "must be an array of real numbers",
    "lrviz.find_path_pieces(program, points[:1])": "at least two points",
    "lrviz.find_path_pieces(program, 5)": "at least two points",
    "lrviz.find_path_pieces(program, [points[0], points[1][:2]])": "must be an array of real numbers",
    "lrviz.Window.rectangle((nan, 0), 1)": "finite corners",
    "lrviz.Window.rectangle((0, inf), 1)": "finite corners",
    "lrviz.Window.rectangle((0, 0), nan)": "positive half width",
    "lrviz.Window.rectangle((0, 0), -1)": "positive half width",
    "lrviz.Window.rectangle((0, 0), 'wide')": "must be an array of real numbers",
    "lrviz.Window.rectangle(0, 1)": "must be (u, v); got int 0",
    "lrviz.Window.rectangle((0, 0, 0), 1)": "must be (u, v); got tuple (0, 0, 0)",
    "lrviz.Window.rectangle(None, 1)": "must be an array of real numbers; got None",
    "lrviz.Window(corners=[[0, 0], [1, 0]])": "at least three corners",
    "lrviz.Window(corners=[[0, 0], [1, nan], [0, 1]])": "finite corners",
    "lrviz.Window(corners=[[0, 0], [0, 1], [1, 0]])": "counter-clockwise",
    "lrviz.Window(corners='triangle')": "must be an array of real numbers; got str 'triangle'",
    "lrviz.Plane.through(points[0], points[1], points[1])": "not on one line",
    "lrviz.Plane.through(points[0], points[1], points[2][:2])": "one shape",
    "lrviz.Plane.through(points[0], points[1], points[2] * nan)": "not finite",
    "lrviz.Plane.through('a.png', 'b.png', 'c.png')": "must be an array of real numbers; got str 'a.png'",
    "lrviz.Plane(origin=points[0] * nan, basis=points[1:3], input_shape=(4,))": "finite numbers; its origin",
    "lrviz.Plane(origin=points[0], basis=2 * points[1:3], input_shape=(4,))": "orthonormal",
    "replace(lrviz.find_regions(program, plane, window), status='done')": "status must be one of complete, max_regions",
    "plane.embed([1.0, 2.0, 3.0])": "Plane coordinates (n, 2) are needed; got list [1.0, 2.0, 3.0]",
    "plane.embed('here')": "must be an array of real numbers",
    "plane.project(torch.zeros(8))": "holds inputs of shape (4,); got Tensor of shape (8,)",
    "lrviz.load_model(None)": "the name of a model or the path of its file, got None",
    "lrviz.load_image(3)": "a text that names an image, got int 3",
    "plane.project(torch.zeros(2, 2))": "holds inputs of shape (4,)",
}
"""What is asked, and what the sentence says."""


def in_another_process(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SETTING + code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What lrviz says to each wrong call."""
    calls = ", ".join(f"lambda: {call}" for call in WRONG)
    return dict(zip(WRONG, in_another_process(f"print(json.dumps([said(call) for call in ({calls})]))"), strict=True))


@pytest.mark.parametrize("call", WRONG)
def test_a_sentence_says_what_is_wrong(said: dict[str, str], call: str) -> None:
    assert WRONG[call] in said[call]
    assert not said[call].startswith("TRACEBACK")
    assert said[call].rstrip().endswith(".")


RIGHT = """
narrow = program.to("cpu", torch.float32)
one, other = (lrviz.find_regions(p, plane, window) for p in (program, narrow))
print(json.dumps([
    str(np.array_equal(one.slope, other.slope) and one.slope.dtype == np.float64 and narrow.digest == program.digest),
    str(narrow.to("cpu") is program),
    str(next(iter(narrow.state.values())).dtype),
    said(lambda: lrviz.find_regions(program, plane, window, max_regions=np.int64(5))),
    said(lambda: lrviz.Plane.through(*points[:3].to(torch.bfloat16))),
    said(lambda: lrviz.Plane.through(*points[:3].int().tolist())),
    said(lambda: lrviz.Plane.through(*points[:3].clone().requires_grad_())),
    said(lambda: lrviz.Window.rectangle(torch.zeros(2), np.float32(1))),
    said(lambda: plane.embed([0.0, 0.0])),
    said(lambda: replace(one, status="cancelled").status.remedy),
    said(lambda: plane.project(points[0])),
]))
"""


def test_what_is_unusual_but_right_works() -> None:
    """A float32 program computes with the exact weights; numpy's integers and tensors of any type are numbers."""
    assert in_another_process(RIGHT) == ["True", "True", "torch.float32", *["no error"] * 8]
