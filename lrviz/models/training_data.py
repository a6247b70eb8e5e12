"""The images and labels that a training uses, and whether they are those that a network was trained on before."""

import hashlib

import numpy as np
from jaxtyping import Bool

from lrviz.errors import InvalidData
from lrviz.models.architectures import IMAGE_SIZE
from lrviz.models.catalogue import Model
from lrviz.models.datasets import Dataset, add_label_noise, take_subset
from lrviz.models.recipes import TrainConfig


def prepare_data(config: TrainConfig, train_set: Dataset) -> tuple[Dataset, Bool[np.ndarray, " n"]]:
    """Return what a configuration trains on: its subset with noisy labels, and which labels are noise (N,)."""
    subset = train_set if config.subset is None else take_subset(train_set, config.subset, seed=config.seed)
    return add_label_noise(subset, config.label_noise, seed=config.seed)


def data_digest(data: Dataset, known: str = "") -> str:
    """Return a hash of the images and labels that a training uses.

    Args:
        data: What it uses, from `prepare_data`.
        known: That of what a network was trained on; empty if unknown.

    Raises:
        InvalidData: These are others.
    """
    found = hashlib.blake2b(data.images.tobytes() + data.labels.tobytes(), digest_size=16).hexdigest()
    if known not in ("", found):
        raise InvalidData(
            f"Expected the images and labels of {data.name} that the network was trained on, got others: the data set "
            "was changed since, or another has its name."
        )
    return found


def made_from(source: Model | None, teacher: Model | None) -> str:
    """Return what tells the networks that a training begins with, or learns from, from others of their names."""
    return " ".join(model.digest for model in (source, teacher) if model is not None)


def require_images(number: int, train_set: Dataset) -> None:
    """Raise InvalidData where a network was trained on more images than there are."""
    if number > len(train_set):
        raise InvalidData(
            f"Expected the {number:,} images of {train_set.name} that the network was trained on, got "
            f"{len(train_set):,}: name the place of all of them."
        )


def check_data(config: TrainConfig, train_set: Dataset, test_set: Dataset) -> None:
    """Raise InvalidData unless a network can be trained and tested on these images."""
    if not len(train_set) or not len(test_set) or train_set.classes != test_set.classes:
        raise InvalidData(
            f"Expected training and test images of the same classes to train {config.name}, got {len(train_set)} "
            f"images of {len(train_set.classes)} classes and {len(test_set)} of {len(test_set.classes)}: "
            "check the data set."
        )
    if config.subset is not None:
        take_subset(train_set, config.subset, seed=config.seed)
    shapes = train_set.images.shape[1:], test_set.images.shape[1:]
    if shapes[0] != shapes[1] or shapes[0][1] != shapes[0][2] or shapes[0][1] % IMAGE_SIZE:
        sizes = " and ".join(f"{width} x {height}" for _, height, width in shapes)
        raise InvalidData(
            f"Expected square training and test images of one size, a multiple of {IMAGE_SIZE} pixels, to train "
            f"{config.name}, got {sizes}: resize them."
        )


def check_models(config: TrainConfig, train_set: Dataset, source: Model | None, teacher: Model | None) -> None:
    """Raise InvalidData unless a training begins with, and learns from, the networks that it names, on their images."""
    for role, name, model in (("source", config.pruned_from, source), ("teacher", config.teacher, teacher)):
        if name != ("" if model is None else model.name):
            raise InvalidData(
                f"Expected the model {name or 'none'} as {role} of {config.name}, got "
                f"{'none' if model is None else model.name}: give the one that the recipe names."
            )
        if model is not None and (
            model.classes != train_set.classes or model.input_shape != train_set.images.shape[1:]
        ):
            raise InvalidData(
                f"Expected images of the size and classes of {model.name}, got {train_set.name}: "
                f"name the data set that it was trained on{f', {model.card.data}' * bool(model.card.data)}."
            )
    if source is not None and source.card.data not in ("", train_set.name):
        raise InvalidData(
            f"Expected {source.card.data}, which {source.name} was trained on, got {train_set.name}: name its place."
        )
