import io
import os

import numpy as np
import pytest
from PIL import Image

from lrviz.errors import InvalidData
from lrviz.models import dataset_files
from lrviz.models.dataset_files import read_archive, read_class_folders
from lrviz.models.datasets import Dataset, load_dataset
from lrviz.models.images import load_image
from tests.tiny import encode, make_dataset, write_archive, write_class_folders

CLASSES = ("apple", "pear", "plum")


def _fruit(num_images=9, *, size=(48, 40), seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (num_images, 3, *size), dtype=np.uint8)
    return Dataset(name="fruit", images=images, labels=np.arange(num_images) % 3, classes=CLASSES)


@pytest.fixture
def folder(tmp_path):
    write_class_folders(tmp_path / "fruit", {"train": _fruit(), "test": _fruit(6, seed=1)})
    return tmp_path / "fruit"


def test_class_folders_of_any_classes_and_size(folder):
    for split, original in (("train", _fruit()), ("test", _fruit(6, seed=1))):
        contents = read_class_folders(folder, split, None)
        order = np.argsort(original.labels, kind="stable")
        np.testing.assert_array_equal(contents.images, original.images[order])
        np.testing.assert_array_equal(contents.labels, original.labels[order])
        assert (contents.classes, contents.copy, contents.lossless) == (CLASSES, "lossless PNG", True)


def test_class_folders_give_the_chosen_images_only(folder, monkeypatch):
    whole = read_class_folders(folder, "train", None)
    (folder / "train" / "apple" / "00000.png").write_bytes(b"not decoded")
    part = read_class_folders(folder, "train", [8, 4])
    np.testing.assert_array_equal(part.images, whole.images[[8, 4]])
    np.testing.assert_array_equal(part.labels, [2, 1])


def test_hidden_files_are_no_images(folder):
    (folder / "train" / ".DS_Store").write_bytes(b"x")
    (folder / "train" / "pear" / ".DS_Store").write_bytes(b"x")
    (folder / "train" / ".cache").mkdir()
    assert len(read_class_folders(folder, "train", None).labels) == 9


def _empty(folder):
    (folder / "train" / "quince").mkdir()
    (folder / "test" / "quince").mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "train" / "pear" / "x.png").write_bytes(b"no image"), "cannot be decoded"),
        (lambda folder: (folder / "train" / "pear" / "notes.txt").write_text("pears"), r"pear/notes\.txt"),
        (lambda folder: (folder / "train" / "pear" / "more").mkdir(), "only image files"),
        (_empty, "an empty folder"),
        (lambda folder: (folder / "train" / "quince").mkdir(), r"no test/quince \(1 missing\)"),
        (lambda folder: (folder / "test" / "apple").rename(folder / "test" / "Apple"), "2 missing"),
        (
            lambda folder: (folder / "train" / "plum" / "x.png").write_bytes(encode(np.zeros((3, 8, 9), np.uint8))),
            r"40 x 48 pixels as the first, got 9 x 8 in train/plum/x\.png",
        ),
    ],
)
def test_class_folders_that_are_not_sound(folder, damage, message):
    damage(folder)
    with pytest.raises(InvalidData, match=message) as raised:
        read_class_folders(folder, "train", None)
    assert "\n" not in str(raised.value)


def test_truncated_picture_in_a_class_folder(folder):
    path = folder / "train" / "apple" / "00003.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidData, match=r"train/apple/00003\.png, got bytes that cannot be decoded"):
        read_class_folders(folder, "train", None)


def test_missing_split(folder):
    for path in sorted((folder / "test").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(InvalidData, match="a folder of images for every class"):
        load_dataset(None, "test", folder)


def test_sixteen_bit_pictures_are_refused(folder):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((48, 40), np.uint16)).save(buffer, "PNG")
    (folder / "train" / "apple" / "deep.png").write_bytes(buffer.getvalue())
    with pytest.raises(InvalidData, match="8 bits per channel"):
        read_class_folders(folder, "train", None)


@pytest.mark.parametrize(
    ("form", "options", "copy", "lossless"),
    [
        ("PNG", {}, "lossless PNG", True),
        ("BMP", {}, "lossless BMP", True),
        ("WEBP", {"lossless": True}, "lossless WebP", True),
        ("WEBP", {"quality": 80}, "WebP-compressed copy", False),
        ("JPEG", {"quality": 90}, "JPEG-compressed copy", False),
    ],
)
def test_archive_says_how_its_images_were_stored(tmp_path, form, options, copy, lossless):
    write_archive(tmp_path / "fruit.npz", {"train": _fruit()}, form, **options)
    contents = read_archive(tmp_path / "fruit.npz", "train", None)
    assert (contents.copy, contents.lossless) == (copy, lossless)
    np.testing.assert_array_equal(contents.labels, _fruit().labels)
    if lossless:
        np.testing.assert_array_equal(contents.images, _fruit().images)


def test_one_lossy_image_makes_a_lossy_copy(folder):
    (folder / "train" / "apple" / "x.jpg").write_bytes(encode(_fruit().images[0], "JPEG"))
    contents = read_class_folders(folder, "train", None)
    assert (contents.copy, contents.lossless) == ("JPEG-compressed copy", False)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("has_names", [False, True])
def test_plain_arrays(tmp_path, channels_last, column, has_names):
    fields = {}
    for split, dataset in (("train", _fruit(2)), ("test", _fruit(6, seed=1))):
        images = dataset.images.transpose(0, 2, 3, 1) if channels_last else dataset.images
        labels = dataset.labels[:, None] if column else dataset.labels
        fields |= {f"{split}_images": images, f"{split}_labels": labels.astype(np.uint8)}
    np.savez(tmp_path / "fruit.npz", **fields, **({"classes": np.array(CLASSES)} if has_names else {}))
    loaded = load_dataset(None, "train", tmp_path / "fruit.npz")
    np.testing.assert_array_equal(loaded.images, _fruit(2).images)
    np.testing.assert_array_equal(loaded.labels, [0, 1])
    assert loaded.classes == (CLASSES if has_names else ("0", "1", "2"))
    assert loaded.name == "fruit (plain arrays)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": np.zeros((9, 3, 8, 8), np.float32)}, "from 0 to 255 .*got float32: multiply"),
        ({"train_images": np.full((9, 3, 8, 8), 256)}, r"\(uint8\).*got 256 to 256: convert them to 8 bits"),
        ({"train_images": np.ones((9, 3, 8, 8), bool)}, r"\(uint8\).*got bool"),
        ({"train_images": np.zeros((9, 8, 8), np.uint8)}, r"\(N, H, W, 3\).*got shape \(9, 8, 8\)"),
        ({"train_images": np.zeros((8, 3, 8, 8), np.uint8)}, "9 labels for 8 images"),
        ({"train_labels": np.zeros((9, 2), np.int64)}, r"labels of shape \(9, 2\)"),
        ({"train_labels": np.arange(9)}, "labels from 0 to 2, got 0 to 8"),
        ({"train_labels": np.full(9, -1)}, "got -1 to -1"),
        ({"train_labels": np.zeros(9)}, "class numbers in train_labels .*got float64: number the classes"),
        ({"train_labels": np.array(["a", "b", "c"] * 3)}, "class numbers in train_labels .*got str32"),
        ({"train_offsets": np.arange(10.0)}, "whole numbers of bytes in train_offsets .*got float64"),
        ({"train_labels": None}, "it has no train_images and train_labels, but classes, train_images"),
        ({"classes": np.array(["a", "b", "a"])}, "a name twice"),
        ({"train_offsets": np.arange(10)}, "increasing offsets"),
    ],
)
def test_plain_arrays_that_are_not_sound(tmp_path, changes, message):
    fields = {"train_images": _fruit().images, "train_labels": _fruit().labels, "classes": np.array(CLASSES)} | changes
    np.savez(tmp_path / "bad.npz", **{name: value for name, value in fields.items() if value is not None})
    with pytest.raises(InvalidData, match=message) as raised:
        load_dataset(None, "train", tmp_path / "bad.npz")
    assert "\n" not in str(raised.value)


def test_postscript_is_not_run(tmp_path):
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    fields = {"train_images": np.frombuffer(data, np.uint8), "train_offsets": np.array([0, len(data)])}
    np.savez(tmp_path / "eps.npz", **fields, train_labels=np.array([0]), classes=np.array(["a"]))
    with pytest.raises(InvalidData, match="cannot be decoded"):
        load_dataset(None, "train", tmp_path / "eps.npz")


def test_offsets_into_an_older_archive_of_jpeg(tmp_path):
    write_archive(tmp_path / "cifar10_jpeg.npz", {"train": make_dataset(20)})
    assert read_archive(tmp_path / "cifar10_jpeg.npz", "train", [3]).images.shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_labels": np.array([2**62] * 4)}, "cannot be read"),
        ({"train_images": np.array([{}], dtype=object)}, "Python objects"),
        ({"train_images": np.array(["a"])}, "got str32"),
    ],
)
def test_an_archive_with_hostile_fields_is_refused(tmp_path, change, words):
    fields = {"train_images": np.zeros((4, 8, 8, 3), np.uint8), "train_labels": np.arange(4)}
    np.savez(tmp_path / "data.npz", **(fields | change))
    with pytest.raises(InvalidData, match=words):
        read_archive(tmp_path / "data.npz", "train", None)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    labels, images = np.zeros(400_000, np.int64), np.zeros((400_000, 8, 8, 3), np.uint8)
    np.savez_compressed(tmp_path / "data.npz", train_images=images, train_labels=labels)
    with pytest.raises(InvalidData, match="more than such a file should"):
        read_archive(tmp_path / "data.npz", "train", None)


def test_a_pipe_among_the_images_is_refused_at_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        os.mkfifo(tmp_path / "train" / name / "image.png")
    with pytest.raises(InvalidData, match="pipe"):
        read_class_folders(tmp_path, "train", None)


@pytest.mark.parametrize("names", [np.array([name.encode() for name in CLASSES]), np.array(CLASSES)[:, None]])
def test_names_of_classes_are_read_as_they_are_written(tmp_path, names):
    images = _fruit().images.astype(np.int64)
    np.savez(tmp_path / "fruit.npz", train_images=images, train_labels=_fruit().labels, classes=names)
    loaded = load_dataset(None, "train", tmp_path / "fruit.npz")
    assert loaded.classes == CLASSES
    np.testing.assert_array_equal(loaded.images, images)


def test_pictures_are_trained_on_as_they_are_shown(tmp_path):
    clear = Image.new("RGBA", (32, 32), (200, 10, 10, 0))
    turned = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for split in ("train", "test"):
        (tmp_path / "pets" / split / "cat").mkdir(parents=True)
        clear.save(tmp_path / "pets" / split / "cat" / "a.png")
        turned.save(tmp_path / "pets" / split / "cat" / "b.jpg", exif=exif)
    loaded = load_dataset(None, "train", tmp_path / "pets")
    for image, name in zip(loaded.images, ("a.png", "b.jpg"), strict=True):
        np.testing.assert_array_equal(image, load_image(tmp_path / "pets" / "train" / "cat" / name).image)
    assert (loaded.images[0] == 255).all()


def test_a_picture_that_is_too_large_is_said_to_be(folder, monkeypatch):
    monkeypatch.setattr(dataset_files, "_MOST_PIXELS", 100)
    with pytest.raises(InvalidData, match=r"at most 100 pixels in train.*00000\.png, got 40 x 48: make"):
        read_class_folders(folder, "train", None)
