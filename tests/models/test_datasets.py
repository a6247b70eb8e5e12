import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.datasets import CIFAR10, CIFAR100

from lrviz.errors import InvalidData
from lrviz.models.datasets import Dataset, add_label_noise, channel_statistics, load_dataset, take_subset
from tests.tiny import CIFAR100_CLASSES, make_dataset, write_archive, write_class_folders, write_torchvision


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "cifar10_jpeg.npz"
    write_archive(path, {"train": make_dataset(30), "test": make_dataset(20, seed=1)})
    return path


def test_archive_gives_the_images_up_to_compression(archive):
    loaded, original = load_dataset("cifar10", "test", archive), make_dataset(20, seed=1)
    assert np.abs(loaded.images.mean((1, 2, 3)) - original.images.mean((1, 2, 3))).max() < 1
    np.testing.assert_array_equal(loaded.labels, original.labels)
    assert loaded.classes == original.classes
    assert loaded.name == "CIFAR-10 (JPEG-compressed copy)"


def test_archive_decodes_only_the_chosen_images(archive):
    whole, part = load_dataset("cifar10", "train", archive), load_dataset("cifar10", "train", archive, indices=[7, 2])
    np.testing.assert_array_equal(part.images, whole.images[[7, 2]])
    np.testing.assert_array_equal(part.labels, whole.labels[[7, 2]])


def test_archive_is_found_in_its_folder(archive):
    assert len(load_dataset("cifar10", "train", archive.parent)) == 30


@pytest.mark.parametrize("indices", [[30], [-1]])
def test_archive_index_out_of_range(archive, indices):
    with pytest.raises(InvalidData, match="positions from 0 to 29"):
        load_dataset("cifar10", "train", archive, indices=indices)


def _damage(archive, path, **changes):
    with np.load(archive) as data:
        fields = dict(data)
    for name, change in changes.items():
        fields[name] = change(fields[name])
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_offsets": lambda offsets: offsets[:-1]}, "increasing offsets"),
        ({"train_offsets": lambda offsets: offsets[::-1]}, "increasing offsets"),
        ({"train_offsets": lambda offsets: offsets + 0.5}, "whole numbers of bytes in train_offsets"),
        ({"train_jpeg": lambda jpeg: jpeg[:-1]}, "increasing offsets"),
        ({"train_jpeg": lambda jpeg: jpeg * 0}, "position 0 of damaged.npz"),
        ({"train_jpeg": lambda jpeg: None}, "cannot be read"),
        ({"train_labels": lambda labels: labels + 5}, "labels from 0 to 9, got 5 to 14"),
        ({"classes": lambda classes: classes.astype(object)}, "cannot be read"),
    ],
)
def test_damaged_archive(archive, tmp_path, changes, message):
    _damage(archive, tmp_path / "damaged.npz", **changes)
    with pytest.raises(InvalidData, match=message):
        load_dataset("cifar10", "train", tmp_path / "damaged.npz")


def test_truncated_and_missing_archive(archive, tmp_path):
    path = tmp_path / "cut.npz"
    path.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(InvalidData, match="cannot be read"):
        load_dataset("cifar10", "train", path)
    with pytest.raises(InvalidData, match="check the path"):
        load_dataset("cifar10", "train", tmp_path / "none.npz")


def test_images_of_another_size_are_a_data_set_of_their_own(tmp_path):
    tall = Dataset(
        name="tall", images=np.zeros((2, 3, 40, 32), np.uint8), labels=np.arange(2), classes=make_dataset().classes
    )
    write_archive(tmp_path / "tall.npz", {"train": tall})
    loaded = load_dataset("cifar10", "train", tmp_path / "tall.npz")
    assert (loaded.images.shape, loaded.name) == ((2, 3, 40, 32), "tall (JPEG-compressed copy)")


@pytest.mark.parametrize(
    ("name", "source", "classes"), [("cifar10", CIFAR10, None), ("cifar100", CIFAR100, CIFAR100_CLASSES)]
)
def test_torchvision_layout(tmp_path, monkeypatch, name, source, classes):
    options = {"classes": classes} if classes else {}
    splits = {"train": make_dataset(120, **options), "test": make_dataset(110, seed=1, **options)}
    write_torchvision(tmp_path, source, splits, monkeypatch)
    for split, original in splits.items():
        loaded = load_dataset(name, split, tmp_path)
        np.testing.assert_array_equal(loaded.images, original.images)
        np.testing.assert_array_equal(loaded.labels, original.labels)
        assert loaded.classes == original.classes
    part = load_dataset(name, "test", tmp_path, indices=[103])
    np.testing.assert_array_equal(part.images[0], splits["test"].images[103])


def test_each_data_set_is_found_in_a_folder_of_several(tmp_path):
    write_class_folders(tmp_path / "cifar10", {"train": make_dataset(20)})
    write_archive(tmp_path / "cifar100_lossless.npz", {"train": make_dataset(100, classes=CIFAR100_CLASSES)}, "PNG")
    write_archive(tmp_path / "cifar100_jpeg.npz", {"train": make_dataset(200, classes=CIFAR100_CLASSES)})
    first, second = (load_dataset(name, "train", tmp_path) for name in ("cifar10", "cifar100"))
    assert (first.name, len(first)) == ("CIFAR-10 (lossless PNG)", 20)
    assert (second.name, len(second)) == ("CIFAR-100 (lossless PNG)", 100)
    assert (first.short_name, second.short_name) == ("cifar10", "cifar100")


def test_the_other_data_set_is_refused_and_a_nameless_request_takes_what_is_there(tmp_path):
    path = tmp_path / "data.npz"
    write_archive(path, {"train": make_dataset(100, classes=CIFAR100_CLASSES)})
    with pytest.raises(InvalidData, match=r"Expected CIFAR-10 at .*data\.npz, got CIFAR-100: .* ask for cifar100"):
        load_dataset("cifar10", "train", path)
    assert load_dataset(None, "train", path).short_name == "cifar100"


def test_a_data_set_of_ones_own_goes_by_its_folder(tmp_path):
    folder = tmp_path / "My Fruit"
    fruit = make_dataset(6, classes=("apple", "pear"))
    write_class_folders(folder, {"train": fruit})
    loaded = load_dataset(None, "train", folder)
    assert (loaded.name, loaded.short_name) == ("My Fruit (lossless PNG)", "my-fruit")
    assert loaded.classes == ("apple", "pear")
    order = np.argsort(fruit.labels, kind="stable")
    np.testing.assert_array_equal(loaded.images, fruit.images[order])
    np.testing.assert_array_equal(loaded.labels, fruit.labels[order])


class _Intruder:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_forged_torchvision_file_is_not_unpickled(tmp_path):
    base = tmp_path / CIFAR10.base_folder
    base.mkdir()
    for name in [*(entry[0] for entry in CIFAR10.train_list + CIFAR10.test_list), CIFAR10.meta["filename"]]:
        (base / name).write_bytes(pickle.dumps(_Intruder(tmp_path / "intruded")))
    with pytest.raises(InvalidData, match="--download"):
        load_dataset("cifar10", "train", tmp_path)
    assert not (tmp_path / "intruded").exists()


def test_missing_folder_and_unknown_names(tmp_path):
    for name in ("cifar10", None):
        with pytest.raises(InvalidData, match="torchvision's layout"):
            load_dataset(name, "train", tmp_path / "nowhere")
    with pytest.raises(InvalidData, match="'mnist' and 'train'"):
        load_dataset("mnist", "train", tmp_path)
    with pytest.raises(InvalidData, match="'cifar10' and 'validation'"):
        load_dataset("cifar10", "validation", tmp_path)


@settings(max_examples=30)
@given(size=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_subset_is_balanced_and_drawn_without_repetition(size, seed):
    dataset = make_dataset(40)
    subset = take_subset(dataset, size, seed=seed)
    counts = np.bincount(subset.labels, minlength=10)
    assert len(subset) == size
    assert counts.max() - counts.min() <= 1
    assert len(np.unique(subset.images.reshape(size, -1), axis=0)) == size
    np.testing.assert_array_equal(subset.images, take_subset(dataset, size, seed=seed).images)


def test_subset_differs_between_seeds():
    dataset = make_dataset(100)
    first, second = (take_subset(dataset, 20, seed=seed) for seed in (0, 1))
    assert (first.images != second.images).any()


@pytest.mark.parametrize("size", [0, 41])
def test_subset_size_out_of_range(size):
    with pytest.raises(InvalidData, match="1 to 40 images"):
        take_subset(make_dataset(40), size, seed=0)


@settings(max_examples=40)
@given(num_images=st.integers(1, 60), fraction=st.floats(0, 1), seed=st.integers(0, 1000))
def test_label_noise_moves_exactly_its_fraction(num_images, fraction, seed):
    clean = make_dataset(num_images)
    noisy, moved = add_label_noise(clean, fraction, seed=seed)
    assert moved.sum() == round(fraction * num_images)
    np.testing.assert_array_equal(moved, noisy.labels != clean.labels)
    assert noisy.labels.min() >= 0
    assert noisy.labels.max() < 10
    np.testing.assert_array_equal(noisy.labels, add_label_noise(clean, fraction, seed=seed)[0].labels)


def test_label_noise_reaches_every_other_class_alike():
    labels = np.zeros(9000, np.int64)
    images = np.broadcast_to(np.zeros((1, 3, 32, 32), np.uint8), (9000, 3, 32, 32))
    clean = Dataset(name="one class", images=images, labels=labels, classes=make_dataset().classes)
    noisy, _ = add_label_noise(clean, 1.0, seed=3)
    counts = np.bincount(noisy.labels, minlength=10)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 1000) < 150).all()


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_label_noise_out_of_range(fraction):
    with pytest.raises(InvalidData, match="from 0 to 1"):
        add_label_noise(make_dataset(), fraction, seed=0)


def test_channel_statistics_of_known_images():
    images = np.zeros((2, 3, 32, 32), np.uint8)
    images[1, 0] = 255
    images[:, 2] = 51
    dataset = Dataset(name="two", images=images, labels=np.array([0, 1]), classes=("a", "b"))
    assert channel_statistics(dataset) == ((0.5, 0.0, 0.2), (0.5, 1.0, 1.0))


def test_a_class_without_images_is_named():
    dataset = Dataset(
        name="x", images=np.zeros((2, 3, 32, 32), np.uint8), labels=np.array([1, 2]), classes=("a", "b", "c")
    )
    with pytest.raises(InvalidData, match="all 3 classes, got none of 'a'"):
        take_subset(dataset, 2, seed=0)


@pytest.mark.parametrize(
    ("folder", "name", "short"),
    [
        ("pets.v1", "pets.v1", "pets-v1"),
        ("data (1)", "data (1)", "data-1"),
        ("数据", "数据", "数据"),
        ("+++", "+++", None),
        ("cifar10", "cifar10", "my-cifar10"),
        ("CIFAR-10", "my CIFAR-10", "my-cifar-10"),
    ],
)
def test_names_of_folders_tell_data_sets_apart(tmp_path, monkeypatch, folder, name, short):
    images = make_dataset(4, classes=("cat", "dog"))
    write_class_folders(tmp_path / folder, {"train": images, "test": images})
    found = load_dataset(None, "train", tmp_path / folder)
    assert found.name == f"{name} (lossless PNG)"
    assert found.short_name == short or (short is None and found.short_name.startswith("data-"))
    monkeypatch.chdir(tmp_path / folder)
    assert load_dataset(None, "train", ".").name == found.name


def test_dataset_is_read_only_and_checks_its_parts():
    dataset = make_dataset()
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0] = 0
    with pytest.raises(InvalidData, match="convert them to RGB"):
        Dataset(name="x", images=np.zeros((2, 4, 32, 32), np.uint8), labels=np.zeros(2, np.int64), classes=("a",))
    with pytest.raises(InvalidData, match="one label per image, got 3 labels for 2 images"):
        Dataset(name="x", images=np.zeros((2, 3, 32, 32), np.uint8), labels=np.zeros(3, np.int64), classes=("a",))


def test_labels_of_one_class_cannot_move():
    with pytest.raises(InvalidData, match="Expected several classes"):
        add_label_noise(make_dataset(10, classes=("cat",)), 0.5, seed=0)
    assert not add_label_noise(make_dataset(10, classes=("cat",)), 0.0, seed=0)[1].any()
