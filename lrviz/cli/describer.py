"""What the options say of a network is read, tried, and remembered beside its file; what is assumed is said."""

from collections.abc import Sequence

from lrviz.cli.terminal import tell
from lrviz.errors import InvalidRequest, UnreadableFile
from lrviz.files import read_regular, shown
from lrviz.models.access import Access
from lrviz.models.catalogue import Model, load_model, remember
from lrviz.models.description import read_description
from lrviz.models.opening import is_file

_MAX_NAMES_BYTES = 2**20


def remember_said(models: Sequence[str], said: dict[str, str | None], access: Access) -> None:
    """Load networks as the options describe them, and keep what is known of them in cards beside their files.

    Args:
        models: Files; names, patterns and folders may be among them.
        said: Texts of the options.
        access: Which files may be opened.

    Raises:
        InvalidRequest: An option cannot be read, or none is a file: networks that ship have cards.
    """
    files = [model for model in models if is_file(model)]
    if not models:
        raise InvalidRequest(f"{_option(said)} is about a network that is not named: name it, as with --teacher.")
    if not files:
        raise InvalidRequest(
            f"Expected a file to describe, got {shown(', '.join(models))}: models that ship describe themselves."
        )
    texts = {name: text for name, text in said.items() if text is not None}
    options = read_description(texts)
    if texts.get("classes", "").endswith(".txt"):
        options["classes"] = _read_names(texts["classes"])
    for file in files:
        loaded = load_model(file, access=access, **options)
        place = remember(file, loaded, access=access)
        tell_assumed(loaded)
        tell(f"this is remembered in {place}.")


def _option(said: dict[str, str | None]) -> str:
    """The first option that was given."""
    name = next(name for name, text in said.items() if text is not None)
    return "--output-name" if name == "output" else f"--{name.replace('_', '-')}"


def tell_assumed(model: Model) -> None:
    """Say what nobody said of a network and is assumed."""
    if model.assumed:
        tell(
            f"{model.name}: nothing says otherwise, so these are assumed: {'; '.join(model.assumed)}. Say what is "
            "not so by --architecture, --input-shape, --mean, --std, --classes, --dataset or --output-name, and it is "
            "remembered."
        )


def _read_names(text: str) -> tuple[str, ...]:
    try:
        lines = read_regular(text, _MAX_NAMES_BYTES).decode("utf-8").splitlines()
    except (UnreadableFile, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"Expected a text file with one name a line at {shown(text)}, found none: {error}."
        ) from error
    return tuple(line.strip() for line in lines if line.strip())
