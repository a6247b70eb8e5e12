"""Which images a text such as "samples:0-3", "cifar10:test:0-63" or "train:noisy:5" selects, for one model."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from lrviz.errors import InvalidData, InvalidImage
from lrviz.files import shown
from lrviz.models.card import Card
from lrviz.models.datasets import CIFAR_NAMES, Dataset, load_dataset, stem_of
from lrviz.models.images import DATA_VARIABLE, ImageRecord, fit_image, load_image
from lrviz.models.numbers import image_shape
from lrviz.models.recipes import default_config
from lrviz.models.training_data import data_digest, prepare_data, require_images

SOURCE = r"samples(?::cifar100?)?|random|test(?::.+)?|train:clean|train:noisy|cifar100?:(?:test|train)"
"""What images a text can name, as a regular expression: the part before their positions."""

_RANDOM_SEED = 20220213

Image = UInt8[np.ndarray, "channels height width"] | Float64[np.ndarray, "..."]
"""Pixels, or the numbers of an input that is no image."""


def depends_on_model(source: str) -> bool:
    """Whether a source means other images for another model."""
    return source == "random" or source.startswith(("test", "train"))


def find_images(source: str, indices: Sequence[int], card: Card, data_path: Path | str | None = None) -> list[Image]:
    """The images of a source at some positions, from 0, in the size that a model takes.

    Args:
        source: One that `SOURCE` matches: "samples" (which ship; also "samples:cifar100"); "cifar10:test" and the
            like; "test" of the data set that the model was trained on, or "test:cat", those of one class; "train:clean"
            and "train:noisy", its own training images whose labels are right, or were moved; "random", pixels with
            the mean and the standard deviation of its data set.
        indices: Positions of the images.
        card: The model's card.
        data_path: Where the data sets are; the environment variable `LRVIZ_DATA_DIR` when None.

    Raises:
        InvalidImage: There are no such images.
        InvalidData: The data set is missing, or another one than the model's.
    """
    if source == "random":
        return [random_image(card, index) for index in indices]
    wanted = image_shape(card.input_shape) or card.input_shape
    found = [ImageRecord(reference=source, image=image) for image in _find(source, indices, card, data_path)]
    return [fit_image(record, wanted).image for record in found]


def _find(source: str, indices: Sequence[int], card: Card, data_path: Path | str | None) -> list[Image]:
    """The images as they are."""
    if re.fullmatch("train:clean|train:noisy", source):
        if not (card.data and card.num_train_images):
            raise InvalidData(
                f"Expected a model whose card says which images it was trained on, got {card.name}: choose other "
                "images, such as samples, cifar10:test or random."
            )
        folder = _data_folder(source, data_path)
        clean, noisy = _training_images(card.architecture, _recipe(card), folder, card.data, card.data_digest)
        return _pick(noisy if source == "train:noisy" else clean, indices, source, card)
    if source.startswith("test:"):
        return _pick(_images_of_class(source, card, data_path), indices, source, card)
    if source == "test" and stem_of(card.data) not in CIFAR_NAMES.values():
        return _pick(_test_set(source, card, data_path).images, indices, source, card)
    prefix = f"{_dataset_name(card.data)}:test" if source == "test" else source
    place = None if source.startswith("samples") else _data_folder(source, data_path)
    return [_load(f"{prefix}:{index}", place) for index in indices]


def random_image(card: Card, index: int) -> Image:
    """An image of independent normal pixels with the channels' means and standard deviations, cut off at 0 and 255.

    Of networks that take no images, as many numbers, which are not cut off.
    """
    generator = np.random.default_rng([_RANDOM_SEED, index])
    wanted = image_shape(card.input_shape) or card.input_shape
    mean, std = (np.reshape(values[: wanted[0]], (-1, *[1] * (len(wanted) - 1))) for values in (card.mean, card.std))
    noise = generator.normal(size=wanted)
    if image_shape(card.input_shape) is None:
        return mean + std * noise
    return np.rint(255 * np.clip(mean + std * noise, 0, 1)).astype(np.uint8)


@lru_cache(maxsize=4096)
def _load(reference: str, data_path: Path | str | None) -> Image:
    return load_image(reference, data_path=data_path).image


def _pick(images: Sequence[Image] | np.ndarray, indices: Sequence[int], source: str, card: Card) -> list[Image]:
    if not len(images):
        raise InvalidImage(f"Expected {source} images of {card.name}, got none in its data: choose others.")
    if max(indices) >= len(images):
        raise InvalidImage(
            f"Expected {source} images from 0 to {len(images) - 1} of {card.name}, got {max(indices)}: choose others."
        )
    return [images[index] for index in indices]


def _test_set(source: str, card: Card, data_path: Path | str | None) -> Dataset:
    """The test images of a model's data set, of any copy of it."""
    folder = _data_folder(source, data_path)
    found = _load_split(_dataset_name(card.data), "test", folder)
    if card.data and found.classes != card.classes and stem_of(found.name) != stem_of(card.data):
        raise _another(card.data, folder, found.name)
    return found


def _another(data: str, folder: str, found: str) -> InvalidData:
    return InvalidData(f"Expected {data}, which the model was trained on, at {folder}; got {found}: name its place.")


def _images_of_class(source: str, card: Card, data_path: Path | str | None) -> np.ndarray:
    """The test images of one class, in their order."""
    test_set = _test_set(source, card, data_path)
    name = source.removeprefix("test:")
    if name not in test_set.classes:
        raise InvalidImage(
            f"Expected a class of {test_set.name}, such as {', '.join(test_set.classes[:3])}; got {shown(name)}: "
            "choose one of them."
        )
    return test_set.images[test_set.labels == test_set.classes.index(name)]


def _recipe(card: Card) -> tuple[int, float, int]:
    return card.num_train_images, card.label_noise, card.seed


@lru_cache(maxsize=4)
def _training_images(
    family: str, recipe: tuple[int, float, int], folder: str, data: str, digest: str
) -> tuple[np.ndarray, np.ndarray]:
    """The training images of a model whose labels are clean, and those whose labels are noise, in their order."""
    train_set = _load_split(_dataset_name(data), "train", folder)
    if train_set.name != data:
        raise _another(data, folder, train_set.name)
    size, noise, seed = recipe
    require_images(size, train_set)
    subset = size if size < len(train_set) else None
    config = default_config(family, 1, subset=subset, label_noise=noise, seed=seed)
    prepared, moved = prepare_data(config, train_set)
    data_digest(prepared, known=digest)
    return prepared.images[~moved], prepared.images[moved]


@lru_cache(maxsize=2)
def _load_split(name: str, split: str, folder: str) -> Dataset:
    return load_dataset(name, split, folder)


def _dataset_name(data: str) -> str:
    """The short name of a card's data set; CIFAR-10 if it is another, for archives of any name."""
    return next((short for short, name in CIFAR_NAMES.items() if stem_of(data) == name), "cifar10")


def shipped_source(data: str) -> str:
    """The source of the shipped images of a card's data set; those of CIFAR-10 if it is another."""
    name = _dataset_name(data)
    return "samples" if name == "cifar10" else f"samples:{name}"


def _data_folder(source: str, data_path: Path | str | None) -> str:
    folder = data_path or os.environ.get(DATA_VARIABLE)
    if not folder:
        raise InvalidData(
            f"Expected to know where the data set is, to load {source} images: give --data, or set the "
            f"environment variable {DATA_VARIABLE}."
        )
    return str(folder)
