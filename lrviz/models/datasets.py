"""Image data sets to train on: CIFAR through torchvision, or an npz file of JPEG bytes."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from lrviz.errors import InvalidData

SPLITS = ("train", "test")
CIFAR_NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
"""Short names of the torchvision data sets that lrviz reads, and what cards call them."""

_TORCHVISION_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Labelled images.

    Attributes:
        name: what a card says the images are, such as "CIFAR-10".
        images: (N, 3, 32, 32), 0 to 255.
        labels: (N,) class numbers.
        classes: names of the K classes.
    """

    name: str
    images: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " m"]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that images and labels belong together, and freeze them."""
        if self.images.shape[1:] != (3, 32, 32) or self.images.dtype != np.uint8:
            raise InvalidData(
                f"Expected uint8 images of shape (N, 3, 32, 32), got {self.images.dtype} of shape "
                f"{self.images.shape}: convert them to 32 x 32 RGB."
            )
        if self.labels.shape != self.images.shape[:1]:
            raise InvalidData(
                f"Expected one label per image, got {len(self.labels)} labels for {len(self.images)} images: "
                "the data set is damaged, fetch it again."
            )
        if len(self.labels) and not (self.labels.min() >= 0 and self.labels.max() < len(self.classes)):
            raise InvalidData(
                f"Expected labels from 0 to {len(self.classes) - 1}, got {self.labels.min()} to "
                f"{self.labels.max()}: the data set is damaged, fetch it again."
            )
        self.images.flags.writeable = False
        self.labels.flags.writeable = False

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def load_dataset(
    name: str,
    split: str,
    path: Path | str,
    *,
    indices: Sequence[int] | None = None,
    download: bool = False,
) -> Dataset:
    """Load a data set from disk.

    Args:
        name: "cifar10" or "cifar100"; what to read where `path` is a folder.
        split: "train" or "test".
        path: a folder in torchvision's layout, or an .npz file of JPEG bytes (`load_jpeg_archive`), or a folder
            that holds such a file under the name `{name}_jpeg.npz`.
        indices: positions of the images to load; all when None.
        download: let torchvision fetch the data set into the folder when it is not there.

    Raises:
        InvalidData: nothing readable is there, or an index is out of range.
    """
    if name not in CIFAR_NAMES or split not in SPLITS:
        raise InvalidData(
            f"Expected a data set among {', '.join(CIFAR_NAMES)} and a split among {', '.join(SPLITS)}, "
            f"got {name!r} and {split!r}: choose one of them."
        )
    path = Path(path)
    archive = path if path.suffix == ".npz" else path / f"{name}_jpeg.npz"
    if archive == path or (archive.is_file() and not (path / _TORCHVISION_FOLDERS[name]).is_dir()):
        return load_jpeg_archive(archive, split, indices=indices)
    return _load_torchvision(name, split, path, indices, download)


def _load_torchvision(name: str, split: str, folder: Path, indices: Sequence[int] | None, download: bool) -> Dataset:
    """Read CIFAR through torchvision, which verifies the checksums of its files before it reads them."""
    from torchvision import datasets  # noqa: PLC0415  (slow to import, and needed only here)

    source = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    try:
        data = source(root=str(folder), train=split == "train", download=download)
    except (RuntimeError, OSError) as error:
        raise InvalidData(
            f"Expected {CIFAR_NAMES[name]} in torchvision's layout in the folder {folder}, got none that is complete: "
            "name the right folder, or ask for the download (lrviz train --download)."
        ) from error
    keep = _check_indices(indices, len(data.targets))
    return Dataset(
        name=CIFAR_NAMES[name],
        images=np.ascontiguousarray(data.data[keep].transpose(0, 3, 1, 2)),
        labels=np.asarray(data.targets, dtype=np.int64)[keep],
        classes=tuple(data.classes),
    )


def load_jpeg_archive(path: Path | str, split: str, *, indices: Sequence[int] | None = None) -> Dataset:
    """Load one split of an npz file of JPEG bytes.

    The file holds, for each split, `{split}_jpeg` (uint8, all files one after the other), `{split}_offsets`
    (N + 1) and `{split}_labels` (N), and once `classes` (K names).

    Args:
        path: the file.
        split: "train" or "test".
        indices: positions of the images to decode; all when None.

    Raises:
        InvalidData: the file is missing, damaged, or lacks a field; or an index is out of range.
    """
    path = Path(path)
    jpeg, offsets, labels, classes = _read_archive(path, split)
    keep = _check_indices(indices, len(labels))
    if len(offsets) != len(labels) + 1 or offsets[0] < 0 or offsets[-1] > len(jpeg) or (np.diff(offsets) < 0).any():
        raise InvalidData(
            f"Expected {len(labels) + 1} increasing offsets into {len(jpeg)} bytes in {path.name}, "
            f"got {len(offsets)} that do not fit: the file is damaged, fetch it again."
        )
    images = [_decode_jpeg(jpeg[offsets[i] : offsets[i + 1]].tobytes(), int(i), path) for i in keep]
    return Dataset(
        name=_archive_name(path, classes),
        images=np.stack(images) if images else np.empty((0, 3, 32, 32), np.uint8),
        labels=labels[keep],
        classes=classes,
    )


def _read_archive(path: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            jpeg = data[f"{split}_jpeg"].astype(np.uint8, casting="safe")
            offsets = data[f"{split}_offsets"].astype(np.int64, casting="same_kind")
            labels = data[f"{split}_labels"].astype(np.int64, casting="same_kind")
            return jpeg, offsets, labels, tuple(str(name) for name in data["classes"])
    except FileNotFoundError as error:
        raise InvalidData(f"Expected a data file at {path}, found none: check the path.") from error
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise InvalidData(
            f"Expected an npz file of JPEG bytes with the split {split!r} at {path}, got one that cannot be read "
            f"({error}): fetch it again."
        ) from error


def _decode_jpeg(data: bytes, index: int, path: Path) -> UInt8[np.ndarray, "3 32 32"]:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidData(
            f"Expected a JPEG image at position {index} of {path.name}, got bytes that cannot be decoded: "
            "the file is damaged, fetch it again."
        ) from error
    if pixels.shape != (32, 32, 3):
        raise InvalidData(
            f"Expected 32 x 32 pixels at position {index} of {path.name}, got {pixels.shape[1]} x {pixels.shape[0]}: "
            "resize the images before packing them."
        )
    return pixels.transpose(2, 0, 1)


def _archive_name(path: Path, classes: tuple[str, ...]) -> str:
    known = {10: "CIFAR-10", 100: "CIFAR-100"}
    is_cifar = classes == CIFAR10_CLASSES or (len(classes) == 100 and "aquarium_fish" in classes)
    return f"{known[len(classes)] if is_cifar else path.stem} (JPEG-compressed copy)"


def _check_indices(indices: Sequence[int] | None, num_images: int) -> Int[np.ndarray, " m"]:
    if indices is None:
        return np.arange(num_images)
    keep = np.asarray(indices, dtype=np.int64)
    if len(keep) and not (keep.min() >= 0 and keep.max() < num_images):
        raise InvalidData(
            f"Expected image positions from 0 to {num_images - 1}, got {keep.min()} to {keep.max()}: choose others."
        )
    return keep


def take_subset(dataset: Dataset, size: int, *, seed: int) -> Dataset:
    """Draw a class-balanced subset: the numbers of images per class differ by at most one.

    Args:
        dataset: where the images are taken from.
        size: number of images to keep.
        seed: the same seed gives the same images.

    Raises:
        InvalidData: a class has too few images.
    """
    generator = np.random.default_rng([seed, 0])
    num_classes = len(dataset.classes)
    quota = np.full(num_classes, size // num_classes)
    quota[generator.permutation(num_classes)[: size % num_classes]] += 1
    available = np.bincount(dataset.labels, minlength=num_classes)
    if size < 1 or (available < quota).any():
        raise InvalidData(
            f"Expected a subset of 1 to {int(available.min()) * num_classes} images with all {num_classes} classes "
            f"alike, got {size}: choose a size in that range."
        )
    chosen = [
        generator.choice(np.flatnonzero(dataset.labels == label), count, replace=False)
        for label, count in enumerate(quota)
    ]
    keep = np.sort(np.concatenate(chosen))
    return replace(dataset, images=dataset.images[keep], labels=dataset.labels[keep])


def add_label_noise(dataset: Dataset, fraction: float, *, seed: int) -> tuple[Dataset, Bool[np.ndarray, " n"]]:
    """Move exactly `round(fraction * N)` labels to a random other class.

    Args:
        dataset: the clean data set.
        fraction: share of the labels that change, in [0, 1].
        seed: the same seed changes the same labels in the same way.

    Returns:
        The noisy data set, and which labels were changed (N,).

    Raises:
        InvalidData: the fraction is outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise InvalidData(f"Expected a label noise from 0 to 1, got {fraction}: give the fraction of the labels.")
    generator = np.random.default_rng([seed, 1])
    moved = generator.permutation(len(dataset))[: round(fraction * len(dataset))]
    labels = dataset.labels.copy()
    shift = generator.integers(1, len(dataset.classes), size=len(moved))
    labels[moved] = (labels[moved] + shift) % len(dataset.classes)
    return replace(dataset, labels=labels), labels != dataset.labels


def channel_statistics(dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel, on the scale 0 to 1, to four decimals."""
    pixels = dataset.images.transpose(1, 0, 2, 3).reshape(3, -1)
    mean = tuple(round(float(channel.mean(dtype=np.float64)) / 255, 4) for channel in pixels)
    std = tuple(round(float(channel.std(dtype=np.float64)) / 255, 4) for channel in pixels)
    return mean, std
