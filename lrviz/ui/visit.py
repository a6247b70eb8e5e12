"""Texts of visitors become models and images: the only place where pages do that, with a visitor's access to files."""

from typing import Any

from lrviz.errors import LrvizError
from lrviz.models import catalogue, images
from lrviz.models.access import visitor
from lrviz.models.card import Card
from lrviz.models.catalogue import Model
from lrviz.models.images import ImageRecord
from lrviz.models.library import is_upload
from lrviz.models.numbers import POINT
from lrviz.network.program import Program
from lrviz.views import scene
from lrviz.views.scene import Scene
from lrviz.views.view import View


def load_image(reference: str, shape: tuple[int, ...] = images.SHAPE) -> ImageRecord:
    """As `lrviz.models.images.load_image`, for a visitor."""
    return images.load_image(reference, shape=shape, access=visitor())


def load_model(name: str, **said: Any) -> Model:
    """As `lrviz.models.catalogue.load_model`, for a visitor."""
    return catalogue.load_model(name, **said, access=visitor())


def remember(name: str, card: Card) -> None:
    """As `lrviz.models.catalogue.remember`, for a visitor, who keeps cards of uploads only."""
    if is_upload(name):
        catalogue.remember(name, card, access=visitor())


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
    return catalogue.find_card(name, access=visitor())


def changed_at(name: str) -> int:
    """As `lrviz.models.catalogue.changed_at`, for a visitor."""
    return catalogue.changed_at(name, access=visitor())


def load_program(name: str) -> tuple[Model, Program]:
    """As `lrviz.views.scene.load_program`, for a visitor."""
    return scene.load_program(name, access=visitor())


def resolve(view: View) -> Scene:
    """As `lrviz.views.scene.resolve`, for a visitor."""
    return scene.resolve(view, access=visitor())
