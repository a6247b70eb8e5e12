"""What is known of CIFAR-10 and CIFAR-100 (Krizhevsky 2009), to recognise a copy and to refuse a damaged one."""

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt8

from lrviz.errors import InvalidData
from lrviz.models.dataset_files import Contents

CIFAR_NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
"""Short names of the two data sets, and what cards call them."""

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip

IMAGE_SHAPE = (3, 32, 32)

NUM_IMAGES = {"train": 50_000, "test": 10_000}
"""Images of either data set, the same number of each class."""

CHANNEL_MEANS = {"cifar10": (0.4914, 0.4822, 0.4465), "cifar100": (0.5071, 0.4865, 0.4409)}
"""Of the training images, on the scale 0 to 1."""

FINGERPRINTS = {
    ("cifar10", "train"): 0xAD01880870F5C578,
    ("cifar10", "test"): 0x02E98BF83A2E7D36,
    ("cifar100", "train"): 0x32E63E2CEE9615C9,
    ("cifar100", "test"): 0xE7C7F43AF8B2D28C,
}
"""What `fingerprint` gives for the published images."""

_NEARLY_ALL = 0.9
"""A copy with more than this share of the images, but not all, was cut short; one with fewer was made smaller."""
_MEAN_TOLERANCE = 0.01
_LEAST_VARIANCE_RATIO = 3.0
"""Of the brightness, between classes by within: above 15 for both data sets, about 1 if labels are shuffled."""


def recognise(contents: Contents) -> str | None:
    """Return the short name of the data set that has these classes and images of this size, if it is one of the two."""
    classes = contents.classes
    if contents.images.shape[1:] != IMAGE_SHAPE:
        return None
    if classes == CIFAR10_CLASSES:
        return "cifar10"
    return "cifar100" if len(classes) == 100 and "aquarium_fish" in classes else None


def check_copy(key: str, split: str, contents: Contents, place: str) -> None:
    """Refuse a copy of a split that was cut short, damaged or mislabelled.

    Lossless images must be, with the names of their classes and in any order, those that were published. Of others the
    number of images of each class and the channel means must fit, and the brightness must differ between classes.

    Args:
        key: "cifar10" or "cifar100".
        split: "train" or "test".
        contents: All of the copy's images of the split.
        place: What errors call the copy.

    Raises:
        InvalidData: The copy is not sound.
    """
    num_images, name = NUM_IMAGES[split], f"{CIFAR_NAMES[key]} ({split})"
    if len(contents.labels) <= _NEARLY_ALL * num_images:
        return
    counts = np.bincount(contents.labels, minlength=len(contents.classes))
    expected = num_images // len(contents.classes)
    if len(contents.labels) != num_images or (counts != expected).any():
        raise InvalidData(
            f"Expected {num_images:,} images of {name} in {place}, {expected:,} of each class, got "
            f"{len(contents.labels):,}, {counts.min():,} to {counts.max():,} of a class: the copy is cut short or "
            "mislabelled, fetch it again."
        )
    if contents.lossless:
        sound = fingerprint(contents) == FINGERPRINTS[key, split]
    else:
        sound = _looks_sound(contents, CHANNEL_MEANS[key])
    if not sound:
        raise InvalidData(
            f"Expected the images and labels of {name} as they were published in {place}, got others: the copy is "
            "damaged or mislabelled, fetch it again."
        )


def fingerprint(contents: Contents) -> int:
    """Return a number that tells images with the names of their classes, whatever their order, from all others."""
    return sum(_hashes(contents.images, contents.labels, contents.classes)) % 2**64


def _hashes(
    images: UInt8[np.ndarray, "n 3 h w"], labels: Int[np.ndarray, " n"], classes: tuple[str, ...]
) -> Iterable[int]:
    for image, label in zip(images, labels, strict=True):
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8, key=classes[label].encode())
        yield int.from_bytes(digest.digest(), "little")


def _looks_sound(contents: Contents, channel_means: tuple[float, ...]) -> bool:
    means = contents.images.mean(axis=(2, 3)) / 255
    if np.abs(means.mean(axis=0) - channel_means).max() > _MEAN_TOLERANCE:
        return False
    brightness = means.mean(axis=1)
    counts = np.bincount(contents.labels)
    of_class = np.bincount(contents.labels, weights=brightness) / counts
    between = (counts * (of_class - brightness.mean()) ** 2).sum() / (len(counts) - 1)
    within = ((brightness - of_class[contents.labels]) ** 2).sum() / (len(brightness) - len(counts))
    return bool(between > _LEAST_VARIANCE_RATIO * within)
