"""The images and labels that a training uses, and whether they are those that a network was trained on before."""

import hashlib

import numpy as np
from jaxtyping import Bool

from lrviz.errors import InvalidData
from lrviz.models.catalogue import Model
from lrviz.models.datasets import Dataset, add_label_noise, take_subset
from lrviz.models.recipes import TrainConfig


def prepare_data(config: TrainConfig, train_set: Dataset) -> tuple[Dataset, Bool[np.ndarray, " n"]]:
    """Return what a configuration trains on: its subset with noisy labels, and which labels are noise (N,)."""
    subset = train_set if config.subset is None else take_subset(train_set, config.subset, seed=config.seed)
    return add_label_noise(subset, config.label_noise, seed=config.seed)


def data_digest(data: Dataset) -> str:
    """Return a hash of the images and labels that a training uses."""
    return hashlib.blake2b(data.images.tobytes() + data.labels.tobytes(), digest_size=16).hexdigest()


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


def require_same(digest: str, data: Dataset) -> None:
    """Raise InvalidData where a network was trained on other images or labels, if that is known."""
    if digest and digest != data_digest(data):
        raise InvalidData(
            f"Expected the images and labels of {data.name} that the network was trained on, got others: the data set "
            "was changed since, or another has its name."
        )
