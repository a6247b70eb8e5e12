"""Paths of images against padding and slicing, and against torchvision's own translation."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as vision

from lrviz.errors import InvalidPath
from lrviz.models.paths import (
    FEW_ANCHORS,
    NUM_ANCHORS,
    RADIUS,
    Path,
    closed_path,
    image_path,
    open_path,
    translate,
    triplet_path,
)


def picture(seed=0, side=32, dtype=np.uint8):
    pixels = np.random.default_rng(seed).integers(0, 256, (3, side, side))
    return pixels.astype(np.uint8) if dtype == np.uint8 else pixels / 255


def translate_slowly(image, right, down):
    """Pad by the edge on all sides, then cut out."""
    side = image.shape[1]
    padded = np.pad(image, ((0, 0), (side, side), (side, side)), mode="edge")
    return padded[:, side - down : 2 * side - down, side - right : 2 * side - right]


def translate_as_published(image, right, down, radius):
    """The steps of the published code: edge padding, an affine map to the nearest pixel, a central crop."""
    padded = vision.pad(torch.tensor(image), padding=2 * radius, padding_mode="edge")
    moved = vision.affine(padded, angle=0, translate=[right, down], scale=1, shear=[0])
    return vision.center_crop(moved, list(image.shape[1:])).numpy()


@settings(max_examples=50)
@given(right=st.integers(-9, 9), down=st.integers(-9, 9), seed=st.integers(0, 5))
def test_a_translation_is_a_slice_of_the_padded_image(right, down, seed):
    image = picture(seed, side=9)
    np.testing.assert_array_equal(translate(image, right, down), translate_slowly(image, right, down))


@pytest.mark.parametrize("dtype", [np.uint8, float])
@pytest.mark.parametrize("num_anchors", [NUM_ANCHORS, FEW_ANCHORS, 2, 12])
def test_a_closed_path_is_the_published_one_and_closes(num_anchors, dtype):
    image = picture(dtype=dtype)
    path = closed_path(image, num_anchors)
    assert (path.kind, path.num_segments) == ("closed", num_anchors)
    assert path.points.dtype == dtype
    assert path.points[0].tobytes() == path.points[-1].tobytes()
    for k in range(num_anchors):
        right, down = (RADIUS * f(2 * np.pi * k / num_anchors) for f in (np.cos, np.sin))
        np.testing.assert_array_equal(path.points[k], translate_slowly(image, round(right), round(down)))
        np.testing.assert_array_equal(path.points[k], translate_as_published(image, right, down, 4))


def test_an_open_path_moves_the_image_down():
    image = picture()
    path = open_path(image)
    assert path.kind == "open"
    offsets = [-4, -3, -2, 0, 2, 3, 4]  # -4 cos(pi k / 8), rounded; the second is equal to the first
    assert path.num_segments == len(offsets) - 1
    for point, down in zip(path.points, offsets, strict=True):
        np.testing.assert_array_equal(point, translate_slowly(image, 4, down))


def test_a_triplet_has_three_edges():
    images = [picture(seed) for seed in range(3)]
    path = triplet_path(*images)
    np.testing.assert_array_equal(path.points, np.stack([*images, images[0]]))
    assert (path.kind, path.num_segments) == ("triplet", 3)


def test_a_list_of_images_is_joined_in_order():
    images = [picture(seed) for seed in (3, 1, 3, 2)]
    path = image_path(images)
    np.testing.assert_array_equal(path.points, np.stack(images))
    assert (path.kind, path.num_segments) == ("images", 3)


def test_length_adds_the_segments_on_the_scale_from_0_to_1():
    images = [picture(seed) for seed in range(3)]
    expected = sum(np.linalg.norm((b / 255 - a / 255).ravel()) for a, b in pairwise(images))
    assert image_path(images).length == pytest.approx(expected)
    assert image_path([image / 255 for image in images]).length == pytest.approx(expected)


def test_tensors_are_taken_and_points_are_read_only():
    path = image_path([torch.tensor(picture(seed)) for seed in range(2)])
    with pytest.raises(ValueError, match="read-only"):
        path.points[0] = 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: image_path([]), "at least two different images; got 0"),
        (lambda: image_path([picture()]), "at least two different images; got 1"),
        (lambda: image_path([picture(0), picture(1), picture(1)]), "numbers 1 and 2 .* are equal"),
        (lambda: triplet_path(picture(0), picture(1), picture(0)), "numbers 2 and 3 .* are equal"),
        (lambda: image_path([picture(0), picture(1, side=16)]), "one shape and type"),
        (lambda: image_path([picture(0), picture(1, dtype=float)]), "one shape and type"),
        (lambda: image_path([picture(0) / 0.0, picture(1) / 255]), "finite"),
        (lambda: closed_path(picture(), 1), "two anchors are needed; got 1"),
        (lambda: open_path(picture(), 0), "two anchors are needed; got 0"),
        (lambda: closed_path(picture(), radius=0), "radius above 0 .* got 0"),
        (lambda: closed_path(picture(), radius=float("nan")), "got nan"),
        (lambda: open_path(picture(), radius=32), "below the image's 32 pixels is needed; got 32"),
        (lambda: closed_path(picture(), radius=0.4), "fewer anchors or a larger radius"),
        (lambda: closed_path(picture(), 100), "fewer anchors or a larger radius"),
        (lambda: open_path(picture(), radius=0.4), "at least two different images; got 1"),
        (lambda: closed_path(np.full((3, 32, 32), 7, np.uint8)), "picture of one colour"),
        (lambda: closed_path(picture()[0]), "got shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_forms_no_path_is_refused(make, message):
    with pytest.raises(InvalidPath, match=message):
        make()


def test_a_path_of_any_kind_checks_its_points():
    with pytest.raises(InvalidPath, match="at least two"):
        Path(kind="closed", points=np.zeros((1, 3, 2, 2)))
