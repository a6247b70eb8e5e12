"""Names become objects: the right ones, once, and with a sentence when there are none."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidImage, InvalidPlane, InvalidView, InvalidWindow, UnknownModel
from lrviz.geometry.plane import Plane
from lrviz.models.catalogue import models_folder
from lrviz.ui import resources
from lrviz.views.reproduce import python_lines
from lrviz.views.scene import FARTHEST, load_program, resolve
from lrviz.views.view import View

MODEL = "cnn5-w1-noise20"
VIEW = View(models=(MODEL,), images=("samples:0", "samples:1", "samples:2"), center=(40.0, 10.0), half_width=0.2)


def change(**values):
    names = ("models", "images", "center", "half_width", "half_height", "class_index")
    return View(**{**{name: getattr(VIEW, name) for name in names}, **values})


def test_a_view_becomes_its_objects():
    model, program, plane, window, images = resolve(VIEW)
    assert model.name == MODEL
    assert [record.reference for record in images] == list(VIEW.images)
    np.testing.assert_allclose(window.corners, [[39.8, 9.8], [40.2, 9.8], [40.2, 10.2], [39.8, 10.2]])
    inputs = torch.stack([model.normalise(record.image) for record in images])
    torch.testing.assert_close(plane.embed(plane.anchors).float(), inputs)
    with torch.no_grad():
        torch.testing.assert_close(program.forward(inputs.double()).float(), model.module(inputs), atol=1e-4, rtol=1e-4)


def test_without_a_window_it_is_the_triangle():
    scene = resolve(change(center=None, half_width=None))
    np.testing.assert_array_equal(scene.window.corners, scene.plane.anchors)


def test_the_half_height_counts():
    window = resolve(change(half_height=0.1)).window
    np.testing.assert_allclose(np.ptp(window.corners, axis=0), [0.4, 0.2])


def test_a_network_is_traced_once_while_its_file_stays(tmp_path):
    for suffix in (".safetensors", ".json"):
        shutil.copy(models_folder() / f"{MODEL}{suffix}", tmp_path / f"copy{suffix}")
    path = str(tmp_path / "copy.safetensors")
    first = load_program(path)
    assert load_program(path) is first
    for suffix in (".safetensors", ".json"):
        shutil.copy(models_folder() / f"cnn5-w2-noise20{suffix}", tmp_path / f"copy{suffix}")
    assert load_program(path)[1].digest != first[1].digest
    assert load_program(path)[0].card.width == 2


def test_networks_can_be_loaded_by_several_threads_at_once():
    names = [f"cnn5-w{width}-noise20-seed2" for width in (1, 2, 3)]
    with ThreadPoolExecutor(3) as threads:
        loaded = list(threads.map(load_program, names))
    assert [model.card.name for model, _ in loaded] == names


def test_the_python_lines_of_a_view_find_its_regions():
    for view in (VIEW, change(half_height=0.05)):
        names = {}
        exec(python_lines(view), names)
        scene = resolve(view)
        expected = find_regions(scene.program, scene.plane, scene.window)
        np.testing.assert_array_equal(names["regions"].pattern, expected.pattern)
        np.testing.assert_array_equal(names["regions"].coordinates, expected.coordinates)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"models": ("cnn5-w1-noise",)}, UnknownModel, "did you mean"),
        ({"models": ("missing.safetensors",)}, UnknownModel, "check the path"),
        ({"images": ("samples:0", "samples:1", "samples:999")}, InvalidImage, "samples:999"),
        ({"images": ("samples:0", "samples:1", "missing.png")}, InvalidImage, "missing.png"),
        ({"images": ("samples:0", "samples:1", "samples:0")}, InvalidPlane, "samples:0 span a triangle of area 0"),
        ({"class_index": 10}, InvalidView, "classes 0 to 9; got 10"),
        ({"center": (1e5, 0.0)}, InvalidWindow, "closer"),
        ({"half_width": 1e5}, InvalidWindow, "smaller"),
        ({"half_height": 1e-300}, InvalidWindow, "positive area"),
    ],
)
def test_what_cannot_be_resolved_is_named(values, error, message):
    with pytest.raises(error, match=message):
        resolve(change(**values))


def test_how_far_a_window_may_lie():
    plane = resolve(VIEW).plane
    u = float(plane.triangle().center[0] + FARTHEST * plane.triangle().radius)
    resolve(change(center=(u - 1.0, 0.0), half_width=0.5))
    with pytest.raises(InvalidWindow):
        resolve(change(center=(u, 0.0), half_width=0.5))


def test_another_normalisation_is_another_plane():
    scene = resolve(VIEW)
    other = replace(scene.model, mean=(0.1, 0.2, 0.3))
    plane = Plane.through(*(other.normalise(record) for record in scene.images))
    assert scene.digest == resolve(VIEW).digest != scene._replace(model=other, plane=plane).digest
    one, two = (resources.predictions_job(VIEW.triplet, model, scene.program) for model in (scene.model, other))
    assert one is not two and one is resources.predictions_job(VIEW.triplet, scene.model, scene.program)
