"""What is said of a network beside its weights, by the user or by a card; and what data sets stand for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from lrviz.errors import InvalidRequest
from lrviz.files import shown
from lrviz.models.card import Card
from lrviz.models.cifar import CHANNEL_MEANS, CIFAR10_CLASSES, CIFAR100_CLASSES, CIFAR_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What naming a data set says of a network that was trained on it.

    Attributes:
        name: What cards call the data set.
        mean: Of each channel, and `std`, its standard deviation, as networks are usually fed.
        std: See `mean`.
        num_classes: Of the data set.
        find_classes: Gives the names of its classes.
        sizes: Shapes of images that are taken to be of this data set, if a network has as many outputs.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    num_classes: int
    find_classes: Callable[[], tuple[str, ...]]
    sizes: tuple[tuple[int, ...], ...] = ()


def _numbers(number: int) -> Callable[[], tuple[str, ...]]:
    return lambda: tuple(map(str, range(number)))


def _imagenet_classes() -> tuple[str, ...]:
    from torchvision.models import ResNet18_Weights  # noqa: PLC0415  slow to import

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")

PRESETS = {
    "cifar10": Preset(
        name=CIFAR_NAMES["cifar10"],
        mean=CHANNEL_MEANS["cifar10"],
        std=(0.2470, 0.2435, 0.2616),
        num_classes=10,
        find_classes=lambda: CIFAR10_CLASSES,
        sizes=((3, 32, 32),),
    ),
    "cifar100": Preset(
        name=CIFAR_NAMES["cifar100"],
        mean=CHANNEL_MEANS["cifar100"],
        std=(0.2673, 0.2564, 0.2762),
        num_classes=100,
        find_classes=lambda: CIFAR100_CLASSES,
        sizes=((3, 32, 32),),
    ),
    "imagenet": Preset(
        name="ImageNet",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        num_classes=1000,
        find_classes=_imagenet_classes,
        sizes=((3, 224, 224), (3, 299, 299)),
    ),
    "mnist": Preset(
        name="MNIST",
        mean=(0.1307,),
        std=(0.3081,),
        num_classes=10,
        find_classes=_numbers(10),
        sizes=((1, 28, 28),),
    ),
    "fashion-mnist": Preset(
        name="Fashion-MNIST", mean=(0.2860,), std=(0.3530,), num_classes=10, find_classes=lambda: _CLOTHES
    ),
}
"""Data sets by the name that users give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is said of a network; None for what is not.

    Attributes:
        architecture: As `lrviz.models.blueprint.Blueprint.parse` reads it.
        input_shape: Of one input, without the batch.
        mean: One number per channel on the scale 0 to 1, or one for all of them.
        std: Likewise.
        classes: Names of the outputs.
        dataset: One of `PRESETS`, which says mean, std and classes where they are not said.
        output: Which of several outputs, by its name or position.

    Raises:
        InvalidRequest: A value is outside its range.
    """

    architecture: str | None = None
    input_shape: tuple[int, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] | None = None
    dataset: str | None = None
    output: str | None = None

    def __post_init__(self) -> None:
        shape = self.input_shape
        if shape is not None and not (1 <= len(shape) <= 5 and all(1 <= size <= 1e7 for size in shape)):
            raise InvalidRequest(
                f"Expected an input shape such as 3,32,32 or 2 (without the batch), got {shown(shape)}: correct it."
            )
        if self.std is not None and not all(1e-6 <= value <= 1e6 for value in self.std):
            raise InvalidRequest(f"Expected positive standard deviations, got {shown(self.std)}: correct them.")
        if self.mean is not None and not all(abs(value) <= 1e6 for value in self.mean):
            raise InvalidRequest(f"Expected means such as 0.49,0.48,0.45, got {shown(self.mean)}: correct them.")
        if self.dataset is not None and self.dataset not in PRESETS:
            raise InvalidRequest(f"Expected a data set among {', '.join(PRESETS)}, got {shown(self.dataset)}.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return all(getattr(self, field.name) is None for field in fields(self))

    @property
    def preset(self) -> Preset | None:
        """What the data set stands for, if one is said."""
        return None if self.dataset is None else PRESETS[self.dataset]

    def over(self, other: "Description | Card | None") -> "Description":
        """What is said, and what was said before, or a card says, of the rest; a data set goes before what was said."""
        if other is None:
            return self
        names = ["architecture", "input_shape", "output", "dataset"]
        if not self.dataset:
            names += ["mean", "std", "classes"]
        wanted = (name for name in names if getattr(self, name) is None)
        return replace(self, **{name: getattr(other, name, None) or None for name in wanted})


NOTHING = Description()
"""Of a network of which nothing is said."""


def _sizes(text: str) -> tuple[int, ...]:
    words = text.lower().replace("x", ",").split(",")
    if not all(word.strip().isdecimal() and len(word.strip()) < 10 for word in words):
        raise ValueError
    return tuple(map(int, words))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What may be said of a network, and how it is read.

    Attributes:
        label: What it is called, on the Models page too.
        option: What says it on the command line.
        example: A text that says it.
        read: Reads such a text, or raises ValueError.
        kind: What such a text is.
    """

    label: str
    option: str
    example: str
    read: Callable[[str], Any]
    kind: str = "a text"


FIELDS = {
    "architecture": Field(
        label="architecture",
        option="--architecture",
        example="cnn5(width=8), mlp, torchvision:resnet18(num_classes=10)",
        read=str.strip,
    ),
    "input_shape": Field(
        label="input shape", option="--input-shape", example="3,32,32", read=_sizes, kind="an input shape"
    ),
    "mean": Field(
        label="mean of every channel", option="--mean", example="0.4914,0.4822,0.4465", read=_floats, kind="numbers"
    ),
    "std": Field(
        label="standard deviation of every channel",
        option="--std",
        example="0.247,0.2435,0.2616",
        read=_floats,
        kind="numbers",
    ),
    "classes": Field(label="names of the classes", option="--classes", example="cat,dog", read=_names),
    "dataset": Field(label="data set that it was trained on", option="--dataset", example="cifar10", read=str),
    "output": Field(label="output, if there are several", option="--output-name", example="logits", read=str.strip),
}
"""By the names that `Description` has for them."""


def read_description(texts: Mapping[str, str]) -> dict[str, Any]:
    """What texts say of a network, as `lrviz.load_model` takes it.

    Args:
        texts: By the names of `FIELDS`.

    Raises:
        InvalidRequest: A text does not say what it should.

    >>> read_description({"input_shape": "1,28,28", "mean": "0.5", "classes": "a, b"})
    {'input_shape': (1, 28, 28), 'mean': (0.5,), 'classes': ('a', 'b')}
    """
    said = {}
    for name, text in texts.items():
        field = FIELDS[name]
        try:
            said[name] = field.read(text)
        except ValueError:
            raise InvalidRequest(
                f"Expected {field.kind} such as {field.example}, got {shown(text)}: correct the {field.label}."
            ) from None
    return said


def likely_preset(input_shape: tuple[int, ...], num_outputs: int) -> Preset | None:
    """The data set whose images and classes fit, if there is one."""
    fitting = (
        preset for preset in PRESETS.values() if input_shape in preset.sizes and preset.num_classes == num_outputs
    )
    return next(fitting, None)
