"""Texts of visitors become models and images: the only place where pages do that, with a visitor's access to files."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrviz.errors import LrvizError
from lrviz.models import catalogue, images
from lrviz.models.access import visitor
from lrviz.models.card import Card
from lrviz.models.catalogue import Model
from lrviz.models.description import FIELDS
from lrviz.models.images import ImageRecord
from lrviz.models.notes import Note
from lrviz.models.numbers import POINT
from lrviz.network.program import Program
from lrviz.results.store import Store
from lrviz.views import scene
from lrviz.views.scene import Scene
from lrviz.views.view import View


def load_image(reference: str, shape: tuple[int, ...] = images.SHAPE) -> ImageRecord:
    """As `lrviz.models.images.load_image`, for a visitor."""
    return images.load_image(reference, shape=shape, access=visitor())


def load_model(name: str, **said: Any) -> Model:
    """As `lrviz.models.catalogue.load_model`, for a visitor."""
    with _in_words_of_the_page():
        return catalogue.load_model(name, **said, access=visitor())


def remember(name: str, model: Model, *, confirm: bool) -> None:
    """As `lrviz.models.catalogue.remember`, for a visitor, for whom it is kept in the library."""
    catalogue.remember(name, model, confirm=confirm, access=visitor())


def remembered(name: str) -> Note:
    """As `lrviz.models.catalogue.remembered`, for a visitor."""
    return catalogue.remembered(name, access=visitor())


def readable_image(reference: str) -> ImageRecord | None:
    """An image; None if it cannot be loaded."""
    try:
        if reference.startswith(POINT):
            return load_image(reference, (reference.count(":"),))
        return load_image(reference)
    except LrvizError:
        return None


def find_card(name: str) -> Card:
    """As `lrviz.models.catalogue.find_card`, for a visitor."""
    with _in_words_of_the_page():
        return catalogue.find_card(name, access=visitor())


def changed_at(name: str) -> int:
    """As `lrviz.models.catalogue.changed_at`, for a visitor."""
    return catalogue.changed_at(name, access=visitor())


def image_changed_at(reference: str) -> int:
    """As `lrviz.models.images.changed_at`, for a visitor."""
    return images.changed_at(reference, access=visitor())


def files_changed_at(view: View) -> tuple[int, ...]:
    """What tells the files that a view names from earlier ones of the same names."""
    return *map(changed_at, view.models), *map(image_changed_at, view.images)


def load_program(name: str, store: Store) -> tuple[Model, Program]:
    """As `lrviz.views.scene.load_program`, for a visitor."""
    with _in_words_of_the_page():
        return scene.load_program(name, access=visitor(), store=store)


def resolve(view: View, store: Store) -> Scene:
    """As `lrviz.views.scene.resolve`, for a visitor."""
    with _in_words_of_the_page():
        return scene.resolve(view, access=visitor(), store=store)


_OPTION = re.compile("|".join(rf"{field.option}\b" for field in FIELDS.values()))
_LABELS = {field.option: field.label for field in FIELDS.values()}


@contextmanager
def _in_words_of_the_page() -> Iterator[None]:
    """Errors name the fields of the Models page where they name options of the command line."""
    try:
        yield
    except LrvizError as error:
        error.args = (_OPTION.sub(lambda option: f"“{_LABELS[option[0]]}” on the Models page", str(error)),)
        raise
