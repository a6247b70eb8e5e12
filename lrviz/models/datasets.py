"""Labelled images to train on: loaded from any format that lrviz reads, subsets of them, and noisy labels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Int, UInt8

from lrviz.errors import InvalidData
from lrviz.models.cifar import CIFAR10_CLASSES, CIFAR_NAMES, check_copy, recognise
from lrviz.models.dataset_files import (
    SPLITS,
    Contents,
    has_class_folders,
    read_archive,
    read_class_folders,
    read_torchvision,
)

__all__ = [
    "CIFAR10_CLASSES",
    "CIFAR_NAMES",
    "SPLITS",
    "Dataset",
    "add_label_noise",
    "channel_statistics",
    "load_dataset",
    "stem_of",
    "take_subset",
]

_TORCHVISION_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
_ARCHIVES = ("{}_lossless.npz", "{}.npz", "{}_jpeg.npz")
"""Names of a data set's npz file in a folder, the best copy first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Labelled images.

    Attributes:
        name: What a card says the images are, such as "CIFAR-10".
        images: (N, 3, H, W), 0 to 255.
        labels: (N,) class numbers.
        classes: Names of the K classes.
    """

    name: str
    images: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " m"]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that images and labels belong together, and freeze them."""
        if self.images.shape[1] != 3 or self.images.dtype != np.uint8:
            raise InvalidData(
                f"Expected uint8 images of shape (N, 3, H, W), got {self.images.dtype} of shape "
                f"{self.images.shape}: convert them to RGB."
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

    @property
    def short_name(self) -> str:
        """What file names call it: "cifar10", "cifar100", or the name of its folder or file."""
        stem = stem_of(self.name)
        known = {name: short for short, name in CIFAR_NAMES.items()}
        plain = re.sub(r"[\W_]+", "-", stem.lower()).strip("-") or f"data-{crc32(stem.encode()):08x}"
        return known.get(stem) or (f"my-{plain}" if plain in CIFAR_NAMES else plain)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def stem_of(name: str) -> str:
    """The name of a data set without what is said of the copy.

    >>> stem_of("CIFAR-10 (lossless PNG)"), stem_of("my pets (2) (plain arrays)"), stem_of("CIFAR-100")
    ('CIFAR-10', 'my pets (2)', 'CIFAR-100')
    """
    return name.rpartition(" (")[0] or name


def load_dataset(
    name: str | None,
    split: str,
    path: Path | str,
    *,
    indices: Sequence[int] | None = None,
    download: bool = False,
) -> Dataset:
    """Load one split of a data set from disk.

    Args:
        name: "cifar10" or "cifar100", where a folder holds both, and to refuse the other one; None for whatever is
            there. Other data sets go by the name of their folder or file.
        split: "train" or "test".
        path: An .npz file (`dataset_files.read_archive`), a folder of class folders (`train/apple/0001.png`), a
            folder in torchvision's layout, or one that holds any of these under the data set's name: a folder
            `cifar10`, or `cifar10_lossless.npz`, `cifar10.npz` or `cifar10_jpeg.npz`.
        indices: Positions of the images to load; all when None.
        download: Let torchvision fetch the data set into the folder when it is not there.

    Raises:
        InvalidData: Nothing readable is there, it is damaged, cut short, mislabelled or another data set than `name`,
            or an index is out of range.
    """
    if name not in {None, *CIFAR_NAMES} or split not in SPLITS:
        raise InvalidData(
            f"Expected a data set among {', '.join(CIFAR_NAMES)} and a split among {', '.join(SPLITS)}, "
            f"got {name!r} and {split!r}: choose one of them."
        )
    place, contents = _read(name or "cifar10", split, Path(path), indices, download)
    key = recognise(contents)
    if key is not None and name not in {None, key}:
        raise InvalidData(
            f"Expected {CIFAR_NAMES[name]} at {place}, got {CIFAR_NAMES[key]}: name the right place, or ask for {key}."
        )
    if key is not None and indices is None:
        check_copy(key, split, contents, str(place))
    stem = CIFAR_NAMES[key] if key is not None else _own_name(place)
    return Dataset(
        name=f"{stem} ({contents.copy})" if contents.copy else stem,
        images=contents.images,
        labels=contents.labels,
        classes=contents.classes,
    )


def _own_name(place: Path) -> str:
    """What a data set is called that is none of the known ones: as its folder or file."""
    place = place.resolve()
    name = place.name if place.is_dir() else place.stem
    return f"my {name}" if name in CIFAR_NAMES.values() else name


def _read(name: str, split: str, path: Path, indices: Sequence[int] | None, download: bool) -> tuple[Path, Contents]:
    """Read what is at a path, and say where it was found."""
    if path.suffix == ".npz":
        return path, read_archive(path, split, indices)
    is_torchvision = (path / _TORCHVISION_FOLDERS[name]).is_dir()
    for folder in (path, path / name):
        if not is_torchvision and has_class_folders(folder):
            return folder, read_class_folders(folder, split, indices)
    for archive in (path / pattern.format(name) for pattern in _ARCHIVES):
        if not is_torchvision and archive.is_file():
            return archive, read_archive(archive, split, indices)
    from torchvision import datasets  # noqa: PLC0415  (slow to import, and needed only here)

    source = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    return path, read_torchvision(partial(source, download=download), path, split, indices)


def take_subset(dataset: Dataset, size: int, *, seed: int) -> Dataset:
    """Draw a class-balanced subset: the numbers of images per class differ by at most one.

    Args:
        dataset: Where the images are taken from.
        size: Number of images to keep.
        seed: The same seed gives the same images.

    Raises:
        InvalidData: A class has too few images.
    """
    generator = np.random.default_rng([seed, 0])
    num_classes = len(dataset.classes)
    quota = np.full(num_classes, size // num_classes)
    quota[generator.permutation(num_classes)[: size % num_classes]] += 1
    available = np.bincount(dataset.labels, minlength=num_classes)
    if not available.all():
        missing = dataset.classes[int(available.argmin())]
        raise InvalidData(
            f"Expected images of all {num_classes} classes, got none of {missing!r}: number the classes that there are "
            "from 0, or take all images instead of a subset."
        )
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
        dataset: The clean data set.
        fraction: Share of the labels that change, in [0, 1].
        seed: The same seed changes the same labels in the same way.

    Returns:
        The noisy data set, and which labels were changed (N,).

    Raises:
        InvalidData: The fraction is outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise InvalidData(f"Expected a label noise from 0 to 1, got {fraction}: give the fraction of the labels.")
    if fraction and len(dataset.classes) < 2:
        raise InvalidData("Expected several classes, among which labels can be moved, got one: leave the noise out.")
    generator = np.random.default_rng([seed, 1])
    moved = generator.permutation(len(dataset))[: round(fraction * len(dataset))]
    labels = dataset.labels.copy()
    shift = generator.integers(1, len(dataset.classes), size=len(moved))
    labels[moved] = (labels[moved] + shift) % len(dataset.classes)
    return replace(dataset, labels=labels), labels != dataset.labels


def channel_statistics(dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel, on the scale 0 to 1, to four decimals.

    A channel that is the same everywhere is only shifted: its standard deviation is given as 1.
    """
    pixels = dataset.images.transpose(1, 0, 2, 3).reshape(3, -1)
    mean = tuple(round(float(channel.mean(dtype=np.float64)) / 255, 4) for channel in pixels)
    std = tuple(round(float(channel.std(dtype=np.float64)) / 255, 4) or 1.0 for channel in pixels)
    return mean, std
