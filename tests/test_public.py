"""What `import lrviz` offers."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import lrviz

NAMES = (
    "Estimate", "ImageRecord", "LrvizError", "Model", "PathPieces", "Pieces", "Plane", "Program", "Regions", "Samples",
    "Segment", "Status", "UnsupportedOperation", "Window", "estimate_regions", "find_path_pieces", "find_pieces",
    "find_regions", "load_image", "load_model", "measures", "sample_plane",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_public_names_are_there(name: str) -> None:
    assert name in lrviz.__all__
    assert name in dir(lrviz)
    assert getattr(lrviz, name) is not None


def test_the_version_is_the_installed_one() -> None:
    assert lrviz.__version__ == version("lrviz")


def test_type_checkers_see_the_annotations() -> None:
    assert (Path(lrviz.__file__).parent / "py.typed").is_file()


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = "import sys, lrviz, lrviz.measures; assert not {'torch', 'numpy', 'matplotlib', 'plotly'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_measures_come_with_the_package() -> None:
    code = "import lrviz; print(lrviz.measures.deviation.__module__, lrviz.measures.path.deviation.__module__)"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["lrviz.measures.interpolation", "lrviz.measures.path"]
    modules = {"boundary", "definitions", "distributions", "overlay", "path", "sweeps", "tables", "window"}
    for name in lrviz.measures.__all__:
        assert isinstance(getattr(lrviz.measures, name), ModuleType) == (name in modules), name


def test_a_model_makes_its_program_and_takes_image_records() -> None:
    model, image = lrviz.load_model("cnn5-w2-noise20"), lrviz.load_image("samples:3")
    inputs = model.normalise(image)[None]
    assert torch.equal(inputs[0], model.normalise(image.image))
    expected = model.module(inputs).detach().numpy()
    np.testing.assert_allclose(model.program()(inputs.double()).numpy(), expected, rtol=1e-4, atol=1e-5)
