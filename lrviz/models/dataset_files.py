"""Readers of the formats that data sets come in: torchvision's, class folders, npz files of encoded or plain images.

Each returns one split as it stands in the file; whether that is a sound data set is for `datasets` to judge.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageOps

from lrviz.errors import InvalidData, UnreadableFile
from lrviz.files import MAX_ARCHIVE_BYTES, open_regular, read_arrays, read_regular

SPLITS = ("train", "test")

_BYTES = ("images", "jpeg")
"""What a split's encoded images are called after `train_` or `test_`."""
_SHARED = {"classes", *(f"{split}_labels" for split in SPLITS)}
_PIXELS = (
    "pixels as whole numbers from 0 to 255 (uint8), or the bytes of image files",
    "multiply values from 0 to 1 by 255, round them, and store them as uint8",
)
_WHOLE = dict.fromkeys(_BYTES, _PIXELS) | {
    "labels": ("class numbers", "number the classes from 0, and put their names into classes, in that order"),
    "offsets": ("whole numbers of bytes", "give where each image file begins, and where the last one ends"),
}
"""What the fields of a split hold, and what to do where they hold something else."""
_MOST_CLASSES = 1_000_000
_MOST_PIXELS, _MOST_BYTES = 36_000_000, 100 * 2**20
"""Of an image in a folder."""
_LOSSLESS = {"BMP", "PNG", "PPM", "QOI", "TGA"}
_NAMES = {"WEBP": "WebP"}
_RUN_PROGRAMS = {"EPS", "FPX", "MIC", "WMF"}
"""Formats that Pillow leaves to other programs, which a data set need not start."""
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contents:
    """One split of a data set, as read.

    Attributes:
        images: (N, 3, H, W), 0 to 255.
        labels: (N,) class numbers.
        classes: Names of the K classes.
        copy: How the images were stored, such as "lossless PNG"; empty for the files that were published.
        lossless: Whether the pixels are those that were stored.
    """

    images: UInt8[np.ndarray, "n 3 h w"]
    labels: Int[np.ndarray, " n"]
    classes: tuple[str, ...]
    copy: str
    lossless: bool


def read_torchvision(source: Callable[..., Any], folder: Path, split: str, indices: Sequence[int] | None) -> Contents:
    """Read a data set through torchvision, which verifies the checksums of its files before it opens them.

    Args:
        source: Torchvision's class, with everything set but the folder and the split.
        folder: Where its files are.
        split: "train" or "test".
        indices: Positions of the images to load; all when None.

    Raises:
        InvalidData: The files are not there or not complete, or an index is out of range.
    """
    try:
        data = source(root=str(folder), train=split == "train")
    except (RuntimeError, OSError) as error:
        there = "none that is complete" if folder.exists() else "no such folder"
        raise InvalidData(
            f"Expected a data set in torchvision's layout, class folders or an npz file in the folder {folder}, got "
            f"{there}: name the right folder, or ask for the download (lrviz train --download)."
        ) from error
    keep = choose(indices, len(data.targets))
    return Contents(
        images=np.ascontiguousarray(data.data[keep].transpose(0, 3, 1, 2)),
        labels=np.asarray(data.targets, dtype=np.int64)[keep],
        classes=tuple(data.classes),
        copy="",
        lossless=True,
    )


def has_class_folders(folder: Path) -> bool:
    """Return whether a folder holds `train/CLASS/` or `test/CLASS/`."""
    return any(_subfolders(folder / split) for split in SPLITS)


def read_class_folders(folder: Path, split: str, indices: Sequence[int] | None) -> Contents:
    """Read `folder/split/CLASS/*`: classes in the order of their names, and in each the files in that of theirs.

    Raises:
        InvalidData: The split is missing, its classes differ from the other split's, a class is empty, a file is no
            image or of another size than the others, or an index is out of range.
    """
    classes = _class_names(folder, split)
    files = [_list_files(folder / split / name) for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(names) for names in files])
    paths = [path for names in files for path in names]
    keep = choose(indices, len(paths))
    encoded = ((_read(paths[index]), f"in {paths[index].relative_to(folder)}") for index in keep)
    images, copy, lossless = _decode_all(encoded)
    return Contents(images=images, labels=labels[keep], classes=classes, copy=copy, lossless=lossless)


def _class_names(folder: Path, split: str) -> tuple[str, ...]:
    """Return the classes of a split, which are those of both splits where both are there."""
    found = {name: _subfolders(folder / name) for name in SPLITS}
    if not found[split]:
        raise InvalidData(
            f"Expected a folder of images for every class in {folder / split}, got none: put them there as "
            f"{split}/CLASS/IMAGE.png."
        )
    missing = [f"{name}/{one}" for name, names in found.items() for one in set().union(*found.values()) - set(names)]
    if missing and all(found.values()):
        raise InvalidData(
            f"Expected the same classes in train and test of {folder}, got no {sorted(missing)[0]} "
            f"({len(missing)} missing): the data set is not complete, unpack it again."
        )
    return found[split]


def _subfolders(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _list_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not files:
        raise InvalidData(f"Expected images in {folder}, got an empty folder: unpack the data set again, or remove it.")
    return files


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _MOST_BYTES)
    except UnreadableFile as error:
        raise InvalidData(
            f"Expected an image file at {path}, got none that can be read ({error}): "
            "put only image files into the folder of a class."
        ) from error


def read_archive(path: Path, split: str, indices: Sequence[int] | None) -> Contents:
    """Read one split of an npz file.

    It holds `{split}_images` and `{split}_labels` (N), and `classes` (K names; their numbers where it is missing).
    The images are plain (uint8; (N, H, W, 3) or (N, 3, H, W)), or files of any format that Pillow reads, one after
    the other (uint8), with `{split}_offsets` (N + 1). An older name of `{split}_images` is `{split}_jpeg`.

    Raises:
        InvalidData: The file is missing, damaged, or lacks a field; an image cannot be decoded or is of another size
            than the others; or an index is out of range.
    """
    fields = _read_fields(path, split)
    stored, labels = fields["images"], _check_labels(fields["labels"], path)
    classes = _check_classes(fields["classes"], path)
    keep = choose(indices, len(labels))
    if "offsets" in fields:
        offsets = fields["offsets"]
        _check_offsets(offsets, stored, labels, path)
        encoded = (
            (stored[offsets[i] : offsets[i + 1]].tobytes(), f"at position {i} of {path.name}") for i in keep.tolist()
        )
        images, copy, lossless = _decode_all(encoded)
    else:
        images, copy, lossless = _check_plain(stored, labels, path)[keep], "plain arrays", True
    return Contents(images=images, labels=labels[keep], classes=classes, copy=copy, lossless=lossless)


def _read_fields(path: Path, split: str) -> dict[str, np.ndarray]:
    """Read a split's fields by their names without the split."""
    try:
        with open_regular(path, MAX_ARCHIVE_BYTES) as file:
            data = read_arrays(file, wanted=lambda name: name.startswith(split) or name in _SHARED)
        name = next((name for name in _BYTES if f"{split}_{name}" in data), None)
        if name is None or f"{split}_labels" not in data:
            found = ", ".join(sorted(data)) or "nothing of it"
            raise KeyError(f"it has no {split}_images and {split}_labels, but {found}")
        fields: dict[str, np.ndarray] = {
            "images": _take_whole(data, f"{split}_{name}", np.uint8, path),
            "labels": _take_whole(data, f"{split}_labels", np.int64, path),
        }
        if f"{split}_offsets" in data:
            fields["offsets"] = _take_whole(data, f"{split}_offsets", np.int64, path)
        fields["classes"] = data["classes"] if "classes" in data else _number_classes(data)
        return fields
    except InvalidData:
        raise
    except UnreadableFile as error:
        raise InvalidData(
            f"Expected a data file at {path}, found none that can be read ({error}): check the path."
        ) from error
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise InvalidData(
            f"Expected an npz file of images with the split {split!r} at {path}, got one that cannot be read "
            f"({str(error).strip(chr(34))}): fetch it again, or name its fields {split}_images and {split}_labels."
        ) from error


def _take_whole(data: Mapping[str, np.ndarray], name: str, kind: type[np.integer], path: Path) -> np.ndarray:
    """An array of whole numbers as the kind that is worked with; all kinds hold labels, one byte holds a pixel."""
    values = data[name]
    expected, advice = _WHOLE[name.rpartition("_")[2]]
    if values.dtype.kind not in ("iu" if kind is np.uint8 else "iub"):
        raise InvalidData(f"Expected {expected} in {name} of {path}, got {values.dtype.name}: {advice}.")
    if kind is np.uint8 and values.dtype != kind and not 0 <= values.min(initial=0) <= values.max(initial=0) <= 255:
        raise InvalidData(
            f"Expected {expected} in {name} of {path}, got {values.min():,} to {values.max():,}: convert them to 8 "
            "bits."
        )
    return values.astype(kind)


def _check_labels(labels: Int[np.ndarray, "..."], path: Path) -> Int[np.ndarray, " n"]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InvalidData(
            f"Expected one label per image in {path.name}, got labels of shape {labels.shape}: "
            "store the number of the class of every image."
        )
    return labels


def _number_classes(data: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return names for classes that have none: the numbers up to the largest label of both splits."""
    labels = [data[f"{split}_labels"] for split in SPLITS if f"{split}_labels" in data]
    largest = max(int(part.max(initial=0)) for part in labels)
    if largest >= _MOST_CLASSES:
        raise ValueError(f"a label is {largest:,}")
    return np.arange(largest + 1).astype(str)


def _check_classes(names: np.ndarray, path: Path) -> tuple[str, ...]:
    plain = np.ravel(names).tolist()
    classes = tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in plain)
    if len(set(classes)) != len(classes):
        raise InvalidData(
            f"Expected different names of classes in {path.name}, got a name twice: give every class its own."
        )
    return classes


def _check_offsets(
    offsets: Int[np.ndarray, "..."], stored: UInt8[np.ndarray, "..."], labels: Int[np.ndarray, " n"], path: Path
) -> None:
    fits = offsets.shape == (len(labels) + 1,) and stored.ndim == 1
    if not fits or offsets[0] < 0 or offsets[-1] > len(stored) or (np.diff(offsets) < 0).any():
        raise InvalidData(
            f"Expected {len(labels) + 1} increasing offsets into {stored.size} bytes in {path.name}, "
            f"got {offsets.size} that do not fit: the file is damaged, fetch it again."
        )


def _check_plain(
    images: UInt8[np.ndarray, "..."], labels: Int[np.ndarray, " n"], path: Path
) -> UInt8[np.ndarray, "n 3 h w"]:
    if images.ndim == 4 and images.shape[3] == 3:
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] != 3:
        raise InvalidData(
            f"Expected images of shape (N, H, W, 3) or (N, 3, H, W) in {path.name}, got shape {images.shape}: store "
            "them in colour, or encoded ones with their offsets."
        )
    if len(images) != len(labels):
        raise InvalidData(
            f"Expected one label per image in {path.name}, got {len(labels)} labels for {len(images)} images: "
            "the file is damaged, fetch it again."
        )
    return images


def _decode_all(encoded: Iterable[tuple[bytes, str]]) -> tuple[UInt8[np.ndarray, "n 3 h w"], str, bool]:
    """Decode images of one size, and say how they were stored."""
    formats = _safe_formats()
    images: list[np.ndarray] = []
    stored: set[tuple[str, bool]] = set()
    for data, place in encoded:
        pixels, kind = _decode(data, place, formats)
        if images and pixels.shape != images[0].shape:
            raise InvalidData(
                f"Expected images of one size, {images[0].shape[1]} x {images[0].shape[0]} pixels as the first, got "
                f"{pixels.shape[1]} x {pixels.shape[0]} {place}: resize them all to one size."
            )
        images.append(pixels)
        stored.add(kind)
    lossless = all(is_lossless for _, is_lossless in stored)
    # One lossy image makes the whole copy a lossy one.
    names = sorted(_NAMES.get(name, name) for name, is_lossless in stored if is_lossless == lossless)
    copy = f"lossless {' and '.join(names)}" if lossless else f"{' and '.join(names)}-compressed copy"
    stack = np.stack(images) if images else np.empty((0, 32, 32, 3), np.uint8)
    return np.ascontiguousarray(stack.transpose(0, 3, 1, 2)), copy, lossless


def _safe_formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in _RUN_PROGRAMS]


def _decode(data: bytes, place: str, formats: list[str]) -> tuple[UInt8[np.ndarray, "h w 3"], tuple[str, bool]]:
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            kind = str(image.format)
            lossless = kind in _LOSSLESS or (kind == "WEBP" and b"VP8L" in data)
            mode = image.mode
            if image.width * image.height > _MOST_PIXELS:
                raise InvalidData(
                    f"Expected at most {_MOST_PIXELS:,} pixels {place}, got {image.width} x {image.height}: make the "
                    "images smaller."
                )
            ImageOps.exif_transpose(image, in_place=True)
            pixels = np.asarray(flatten_alpha(image), dtype=np.uint8)
    except InvalidData:
        raise
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise InvalidData(
            f"Expected an image {place}, got bytes that cannot be decoded: the data set is damaged, fetch it again."
        ) from error
    if mode not in _MODES:
        raise InvalidData(
            f"Expected 8 bits per channel {place}, got an image of mode {mode}: convert the images to 8 bits."
        )
    return pixels, (kind, lossless)


def flatten_alpha(image: Image.Image) -> Image.Image:
    """An image in RGB, on white where it is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def choose(indices: Sequence[int] | None, num_images: int) -> Int[np.ndarray, " m"]:
    """Return the positions of the images to load, all where none are named.

    Raises:
        InvalidData: One is out of range.
    """
    if indices is None:
        return np.arange(num_images)
    keep = np.asarray(indices, dtype=np.int64)
    if len(keep) and not (keep.min() >= 0 and keep.max() < num_images):
        raise InvalidData(
            f"Expected image positions from 0 to {num_images - 1}, got {keep.min()} to {keep.max()}: choose others."
        )
    return keep
