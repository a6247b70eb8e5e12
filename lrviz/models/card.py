"""What is known about a network, as it is kept beside its file."""

import json
import math
from dataclasses import MISSING, Field, asdict, dataclass, fields
from textwrap import shorten
from typing import Any, get_args, get_origin

from lrviz.errors import InvalidCheckpoint
from lrviz.files import read_json, shown
from lrviz.models.architectures import FAMILIES, IMAGE_SHAPE

MAX_CARD_BYTES = 4 * 2**20
"""Largest card that is read."""

_RANGES: dict[str, tuple[float, float]] = {
    "width": (0, 1e6),
    "num_train_images": (0, 1e12),
    "label_noise": (0, 1),
    "seed": (0, 2**64),
    "epochs": (0, 1e9),
    "train_error": (0, 1),
    "test_error": (0, 1),
    "mean": (-1e6, 1e6),
    "std": (1e-6, 1e6),
    "num_parameters": (0, 1e12),
    "input_shape": (1, 1e7),
    "sparsity": (0, 1),
}
"""Least and largest number that a field can have."""

_MOST_AXES = 5
"""Most axes of an input: channels and up to four more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known about a network; of one that lrviz did not train, how to feed it, and little else.

    Attributes:
        name: The network's name; of those that lrviz trained, the stem of their files.
        architecture: One of `lrviz.models.architectures.FAMILIES`, or another one as text, such as
            "torchvision:resnet18(num_classes=10)"; "onnx", "pt2" or "torchscript" for files that hold it themselves.
        mean: Mean of each input channel that normalisation subtracts, on the scale 0 to 1.
        std: Standard deviation of each input channel that normalisation divides by.
        classes: Names of the classes, one per output.
        input_shape: Channels, height and width of its images, or the shape of another input.
        output: Which of its outputs is shown, by name or position; empty for the first, or the only one.
        width: Base width k of one of our families; 0 for others.
        batch_norm: Whether every convolution of one of our families is followed by a batch normalisation.
        data: The data set that it was trained on; empty if unknown.
        num_train_images: Images in its training set; 0 if unknown.
        label_noise: Fraction of the training labels that were moved to a random other class.
        augmentation: Whether training images were cropped and flipped at random.
        seed: Seed of the initial weights, the subset, the label noise and the order of the images.
        epochs: Passes over the training set; 0 if unknown.
        train_error: Fraction of training images that differ from the (noisy) labels it was trained on; NaN if unknown.
        test_error: Fraction of test images that are classified wrongly; NaN if unknown.
        num_parameters: Number of trained numbers.
        recipe: The training recipe in words.
        reproduce: The command that trains it again.
        date: Day on which training ended, as YYYY-MM-DD.
        lrviz_version: Version of lrviz that trained it; empty for a network from elsewhere.
        sparsity: Fraction of the weights that were pruned, and are zero.
        pruned_from: Name of the model that it was pruned from; empty if it is not pruned.
        teacher: Name of the model whose outputs it was trained to give; empty if it had none.
        data_digest: Hash of the images and labels that it was trained on; empty if unknown.
        made_from: Hash of the networks that it was pruned from or taught by; empty if unknown or if there were none.
    """

    name: str
    architecture: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    input_shape: tuple[int, ...] = IMAGE_SHAPE
    output: str = ""
    width: int = 0
    batch_norm: bool = False
    data: str = ""
    num_train_images: int = 0
    label_noise: float = 0.0
    augmentation: bool = False
    seed: int = 0
    epochs: int = 0
    train_error: float = math.nan
    test_error: float = math.nan
    num_parameters: int = 0
    recipe: str = ""
    reproduce: str = ""
    date: str = ""
    lrviz_version: str = ""
    sparsity: float = 0.0
    pruned_from: str = ""
    teacher: str = ""
    data_digest: str = ""
    made_from: str = ""

    @property
    def image_size(self) -> int:
        """Pixels a side of square images."""
        return self.input_shape[-1]

    @property
    def is_own(self) -> bool:
        """Whether lrviz trained it, so that its training is known."""
        return bool(self.lrviz_version)

    @property
    def is_snapshot(self) -> bool:
        """Whether it is a checkpoint from the middle of a training."""
        return self.name.endswith(f"-epoch{self.epochs}")

    @property
    def training(self) -> str:
        """What a checkpoint's name has in common with those of the other epochs: the name of the last one."""
        return self.name.removesuffix(f"-epoch{self.epochs}")

    @property
    def family(self) -> str:
        """What its architecture and what was done to it have in common with others, such as "cnn5 pruned"."""
        pruned, distilled = [" pruned"] * bool(self.pruned_from), [" distilled"] * bool(self.teacher)
        return "".join([self.architecture, *pruned, *distilled])

    @property
    def is_variant(self) -> bool:
        """Whether it was pruned or distilled, so that it belongs to no series of widths."""
        return bool(self.pruned_from or self.teacher)

    def shares_plane(self, other: "Card") -> bool:
        """Whether both networks take the same images in the same way: a plane of one is a plane of the other."""
        return all(getattr(self, name) == getattr(other, name) for name in ("input_shape", "mean", "std", "classes"))

    def to_json(self) -> str:
        """Return the card as the text of its file, without what is unknown."""
        known = {name: value for name, value in asdict(self).items() if value == value}  # noqa: PLR0124  NaN
        return json.dumps(known, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "Card":
        """Read a card.

        Args:
            text: The contents of its file.
            source: How errors call the file.

        Raises:
            InvalidCheckpoint: The text is not a card.
        """
        try:
            values = read_json(text)
        except ValueError as error:
            raise InvalidCheckpoint(
                f"Expected a JSON card in {source}, got text that is not JSON of finite numbers: fetch it "
                "again, or remove it."
            ) from error
        names = {field.name for field in fields(cls)}
        if isinstance(values, dict):
            # A card written before a field was added has none of it, and images were square and had three channels.
            size = values.pop("image_size", None)
            values |= {} if size is None else {"input_shape": [IMAGE_SHAPE[0], size, size]}
            values = {field.name: field.default for field in fields(cls) if field.default is not MISSING} | values
        if not isinstance(values, dict) or values.keys() != names:
            different = sorted(names ^ values.keys()) if isinstance(values, dict) else ["no object"]
            raise InvalidCheckpoint(
                f"Expected a card with this lrviz's fields in {source}, got one in which these are missing or unknown: "
                f"{shorten(', '.join(different), 200)}; use the lrviz version that wrote it, or train the model again."
            )
        card = cls(**{field.name: _read_field(field, values[field.name], source) for field in fields(cls)})
        _check_numbers(card, source)
        return card


def is_card(text: str) -> bool:
    """Whether a text is a card, damaged or not, and no JSON of somebody else's.

    >>> is_card('{"lr": 0.1}'), is_card('{"name": "net", "architecture": "cnn5", "me'), is_card("{")
    (False, True, True)
    """
    text = text.lstrip()
    try:
        values, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        if not any(letter.isalnum() for letter in text):  # nobody else's either: a card that was cut short, if anything
            return bool(text)
        return text.startswith("{") and ('"architecture"' in text or '"lrviz_version"' in text)
    needed = {field.name for field in fields(Card) if field.default is MISSING}
    return isinstance(values, dict) and ("lrviz_version" in values or needed <= values.keys())


def _read_field(field: Field[Any], value: Any, source: str) -> Any:
    if value is field.default:
        return value
    try:
        result = read_value(value, field.type)
        if field.name == "std" and min(result, default=0) <= 0:
            raise ValueError("positive numbers")
        _check_range(field.name, result)
    except ValueError as error:
        raise _wrong(field.name, str(error), value, source) from error
    return result


def _check_numbers(card: Card, source: str) -> None:
    """Check what has to fit together."""
    if card.architecture in FAMILIES and card.width < 1:
        raise _wrong("width", f"the width of a {card.architecture}", card.width, source)
    if not 1 <= len(card.input_shape) <= _MOST_AXES:
        raise _wrong("input_shape", f"one to {_MOST_AXES} numbers", card.input_shape, source)
    for name, values in (("mean", card.mean), ("std", card.std)):
        if len(values) != card.input_shape[0]:
            raise _wrong(name, "one number per channel", values, source)


def _wrong(name: str, expected: str, value: Any, source: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"Expected {expected} for the field {name!r} in {source}, got {shown(value)}: correct the card or fetch it "
        "again."
    )


def read_value(value: Any, expected: Any) -> Any:
    """Turn a JSON value into a field's type.

    Raises:
        ValueError: It cannot; the message names what was expected.
    """
    if expected is float and type(value) in (int, float):
        return float(value) if abs(value) < 1e300 else math.inf
    if expected in (str, bool, int) and type(value) is expected:
        return value
    if get_origin(expected) is tuple and type(value) is list:
        return tuple(read_value(item, get_args(expected)[0]) for item in value)
    raise ValueError(getattr(expected, "__name__", "a value"))


def _check_range(name: str, value: Any) -> None:
    if name in _RANGES:
        least, largest = _RANGES[name]
        if not all(least <= number <= largest for number in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(f"numbers from {least:g} to {largest:g}")
