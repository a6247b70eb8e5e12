import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lrviz.errors import InvalidData
from lrviz.models import cifar
from lrviz.models.cifar import CHANNEL_MEANS, CIFAR_NAMES, NUM_IMAGES, check_copy, fingerprint
from lrviz.models.dataset_files import Contents, read_archive
from lrviz.models.datasets import SPLITS, channel_statistics, load_dataset
from lrviz.models.images import DATA_VARIABLE, list_samples
from tests.tiny import CIFAR100_CLASSES, make_dataset, write_archive

DATA = os.environ.get(DATA_VARIABLE)
KEYS = [(key, split) for key in CIFAR_NAMES for split in SPLITS]


@cache
def _load(key, split):
    return load_dataset(key, split, Path(DATA))


@pytest.mark.skipif(not DATA, reason=f"{DATA_VARIABLE} names no folder of data sets")
@pytest.mark.parametrize("key", CIFAR_NAMES)
def test_known_figures_of_the_data_sets(key):
    train_set, test_set = _load(key, "train"), _load(key, "test")
    num_classes = int(key.removeprefix("cifar"))
    assert (len(train_set), len(test_set), len(train_set.classes)) == (50_000, 10_000, num_classes)
    assert (np.bincount(train_set.labels) == 50_000 // num_classes).all()
    assert (np.bincount(test_set.labels) == 10_000 // num_classes).all()
    np.testing.assert_allclose(channel_statistics(train_set)[0], CHANNEL_MEANS[key], atol=2e-3 / 10)
    assert train_set.name.startswith(CIFAR_NAMES[key])


@pytest.mark.skipif(not DATA, reason=f"{DATA_VARIABLE} names no folder of data sets")
@pytest.mark.parametrize("key", CIFAR_NAMES)
def test_shipped_samples_are_test_images_of_their_label(key):
    test_set = _load(key, "test")
    for sample in list_samples(key):
        differences = np.abs(test_set.images.astype(np.int16) - sample.image).mean((1, 2, 3))
        nearest = int(differences.argmin())
        assert test_set.classes[test_set.labels[nearest]] == sample.label
        assert differences[nearest] == 0 or "compressed" in test_set.name


@pytest.fixture
def small(monkeypatch):
    """Data sets of forty images are complete, and that of `make_dataset` is the published one."""
    dataset = make_dataset(40)
    contents = Contents(
        images=dataset.images, labels=dataset.labels, classes=dataset.classes, copy="lossless PNG", lossless=True
    )
    monkeypatch.setitem(cifar.NUM_IMAGES, "train", 40)
    monkeypatch.setitem(cifar.FINGERPRINTS, ("cifar10", "train"), fingerprint(contents))
    means = tuple(contents.images.mean((0, 2, 3)) / 255)
    monkeypatch.setitem(cifar.CHANNEL_MEANS, "cifar10", means)
    return contents


def _take(contents, keep):
    return replace(contents, images=contents.images[keep], labels=contents.labels[keep])


def test_sound_copies_in_any_order_of_images_and_classes(small):
    order = np.random.default_rng(0).permutation(40)
    check_copy("cifar10", "train", _take(small, order), "here")
    backwards = replace(small, labels=9 - small.labels, classes=small.classes[::-1])
    assert fingerprint(backwards) == fingerprint(small)
    check_copy("cifar10", "train", replace(small, lossless=False, images=small.images + 1), "here")


def _swap(labels, first=0, second=1):
    swapped = labels.copy()
    swapped[labels == first], swapped[labels == second] = second, first
    return swapped


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda good: _take(good, np.arange(39)), "got 39, 3 to 4 of a class: the copy is cut short"),
        (lambda good: _take(good, np.arange(41) % 40), "got 41"),
        (lambda good: replace(good, labels=np.where(good.labels == 3, 4, good.labels)), "0 to 8 of a class"),
        (lambda good: replace(good, labels=_swap(good.labels)), "damaged or mislabelled"),
        (lambda good: replace(good, images=good.images ^ (np.arange(40)[:, None, None, None] == 7)), "damaged"),
        (lambda good: replace(good, images=good.images // 2, lossless=False), "damaged or mislabelled"),
        (
            lambda good: replace(good, lossless=False, labels=np.random.default_rng(1).permutation(good.labels)),
            "damaged or mislabelled",
        ),
    ],
)
def test_copies_that_are_not_sound(small, damage, message):
    with pytest.raises(InvalidData, match=message) as raised:
        check_copy("cifar10", "train", damage(small), "here")
    assert "\n" not in str(raised.value)


def test_small_parts_of_a_data_set_are_taken_as_they_are(small):
    check_copy("cifar10", "train", _take(small, np.arange(30)), "here")


def test_a_mislabelled_archive_is_refused_when_it_is_loaded(small, tmp_path):
    dataset = make_dataset(40)
    path = tmp_path / "cifar10.npz"
    write_archive(path, {"train": dataset}, "PNG")
    assert load_dataset("cifar10", "train", path).name == "CIFAR-10 (lossless PNG)"
    write_archive(path, {"train": replace(dataset, labels=_swap(dataset.labels))}, "PNG")
    with pytest.raises(InvalidData, match="mislabelled"):
        load_dataset("cifar10", "train", path)
    assert len(load_dataset("cifar10", "train", path, indices=[0])) == 1


def test_classes_are_recognised_by_name_and_size(tmp_path):
    write_archive(tmp_path / "x.npz", {"train": make_dataset(100, classes=CIFAR100_CLASSES)})
    contents = read_archive(tmp_path / "x.npz", "train", None)
    assert cifar.recognise(contents) == "cifar100"
    assert cifar.recognise(replace(contents, images=contents.images[:, :, :16])) is None
    assert cifar.recognise(replace(contents, classes=("a", "b"))) is None
    assert NUM_IMAGES == {"train": 50_000, "test": 10_000}
