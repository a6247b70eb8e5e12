"""A network is opened by what is said of it now and what was said before; errors tell which of the two does not fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError, UnknownModel
from lrviz.files import shown
from lrviz.models.access import Access
from lrviz.models.architectures import FAMILIES
from lrviz.models.blueprint import Blueprint
from lrviz.models.card import Card
from lrviz.models.description import Description
from lrviz.models.notes import Kept
from lrviz.models.opening import Opened, family_blueprint, open_network


def open_described(
    file: BinaryIO, name: str, said: Description, kept: Kept, access: Access
) -> tuple[Opened, Description]:
    """Read a network.

    Args:
        file: Open for reading, with the suffix that tells its kind.
        name: What to call it.
        said: What the user says of it now.
        kept: What was said of it before.
        access: Whether code may be run.

    Returns:
        The network, and all that is said of it.

    Raises:
        InvalidCheckpoint: As for `open_network`, or a card names no architecture.
        UnknownModel: There is no such architecture.
        UnsupportedOperation: It holds ONNX operators that are not converted.
        InvalidNetwork: It would need more memory than any machine has, or ends the program.
    """
    card, whole = kept.card, said.over(kept.note.said)
    try:
        with without_exit():
            opened = open_network(file, name, whole, card, access)
    except LrvizError as error:
        if isinstance(error, UnknownModel) and card is not None and whole.architecture is None:
            raise InvalidCheckpoint(
                f"Expected a card that names an architecture, got {shown(card.architecture)} in that of {name}: "
                "correct it, or say which it is."
            ) from error
        if _is_of_before(error, file, name, said, kept, access):
            place, way = (
                ("what was said of it before", "")
                if access.is_visitor
                else (kept.source, ", or correct or delete that file")
            )
            error.args = (f"{str(error).rstrip('.')}; this comes from {place}: say what is so instead{way}.",)
        raise
    if card is not None and not card.is_own:
        whole = whole.over(_describe(card))
    if whole.architecture is not None and Blueprint(name=opened.card.architecture).is_code:
        whole = replace(whole, architecture=opened.card.architecture)  # found from other folders as well
    return opened, whole


def _is_of_before(error: LrvizError, file: BinaryIO, name: str, said: Description, kept: Kept, access: Access) -> bool:
    """Whether an error is another one, or none, without what was said before."""
    trained = kept.card if kept.card is not None and kept.card.is_own else None
    if not kept.source or (said == said.over(kept.note.said) and trained is kept.card):
        return False
    try:
        file.seek(0)
        with without_exit():
            open_network(file, name, said, trained, access)
    except LrvizError as other:
        return str(other) != str(error)
    return True


def _describe(card: Card) -> Description:
    """What a card of a network says that lrviz did not train."""
    architecture = str(family_blueprint(card)) if card.architecture in FAMILIES else card.architecture
    with_weights_only = architecture not in ("onnx", "pt2", "torchscript")
    return replace(Description().over(card), architecture=architecture if with_weights_only else None)


@contextmanager
def without_exit() -> Iterator[None]:
    """Run code of the user's, which may not end the program.

    Raises:
        InvalidNetwork: It tried to.
    """
    try:
        yield
    except SystemExit as error:
        raise InvalidNetwork(
            f"Expected code that builds and runs the network, got code that ends the program (with "
            f"{shown(error.code)}): take sys.exit out of it, or put it under if __name__ == '__main__'."
        ) from error
