"""Training recipes: what decides, besides the data, what a training gives."""

import math
from dataclasses import dataclass, fields
from typing import Any

from lrviz.errors import InvalidData
from lrviz.words import counted

EPOCHS = 200
DECAY_EPOCHS = 15
MAX_SEED = 2**32
OPTIMIZERS = ("adam", "sgd")
PRECISIONS = ("bfloat16", "float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what training gives, besides the data.

    The learning rate rises over `warmup_steps`, stays at `learning_rate` until the mean loss of an epoch falls
    below `loss_target` or only `decay_epochs` are left, and then falls linearly to zero over `decay_epochs`. If it
    rises until it falls, that is one cycle (Smith and Topin 2017, arXiv 1708.07120).

    Attributes:
        family: One of `lrviz.models.architectures.FAMILIES`.
        width: Base width k.
        batch_norm: Put a batch normalisation after every convolution.
        seed: Seed of the weights, the subset, the label noise, the order and the augmentation.
        subset: Number of training images, class-balanced; the whole training set when None.
        label_noise: Fraction of the training labels that are moved to a random other class.
        augment: Crop (4 pixels of padding) and flip training images at random.
        optimizer: "adam", or "sgd" with Nesterov momentum.
        learning_rate: Its highest learning rate.
        momentum: Of stochastic gradient descent.
        weight_decay: Multiple of the weights that is added to their gradient; biases and batch norms have none.
        warmup_steps: Steps of the linear rise; when None, it lasts until the fall begins.
        batch_size: Images per step.
        epochs: Largest number of epochs, of a cycle if there are several.
        decay_epochs: Epochs of the linear fall at the end.
        cycles: How often all of that is gone through, with the momentum forgotten in between (Loshchilov and Hutter
            2016, arXiv 1608.03983).
        loss_target: Mean training loss at which the fall begins early; 0 for never.
        snapshots: Epochs after which a checkpoint of its own is kept.
        precision: "bfloat16" (autocast of the forward and backward pass) or "float32", in which training computes.
        half: Round the trained weights to float16, in which they are then stored: the file is half as large.
        pruned_from: Name of the model whose weights are pruned and trained on; empty to train from the start.
        sparsity: Fraction of the weights that are pruned.
        teacher: Name of the model whose outputs are to be given as well; empty for none.
        temperature: By which the logits of both are divided in the loss that compares them.
        teacher_share: Share of that loss, from 0 to 1; the rest is that of the labels.
    """

    family: str
    width: int
    batch_norm: bool = False
    seed: int = 0
    subset: int | None = None
    label_noise: float = 0.0
    augment: bool = False
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup_steps: int | None = 50
    batch_size: int = 64
    epochs: int = EPOCHS
    decay_epochs: int = DECAY_EPOCHS
    cycles: int = 1
    loss_target: float = 0.03
    snapshots: tuple[int, ...] = ()
    precision: str = "bfloat16"
    half: bool = False
    pruned_from: str = ""
    sparsity: float = 0.0
    teacher: str = ""
    temperature: float = 4.0
    teacher_share: float = 0.9

    def __post_init__(self) -> None:
        """Check the numbers that training divides by or counts with."""
        self._require_least()
        if self.optimizer not in OPTIMIZERS:
            raise InvalidData(
                f"Expected an optimizer among {', '.join(OPTIMIZERS)}, got {self.optimizer!r}: choose one of them."
            )
        if self.precision not in PRECISIONS:
            raise InvalidData(
                f"Expected a precision among {', '.join(PRECISIONS)}, got {self.precision!r}: choose one of them."
            )
        if not (0 <= self.momentum < 1 and self.weight_decay >= 0):
            raise InvalidData(
                "Expected a momentum from 0 to below 1 and a weight decay of at least 0, "
                f"got {self.momentum:g} and {self.weight_decay:g}: correct them."
            )
        if self.cycles > 1 and self.loss_target > 0:
            raise InvalidData(
                f"Expected no loss target with {self.cycles} cycles, got {self.loss_target:g}: "
                "all cycles are of one length."
            )
        if not 0 <= self.sparsity < 1 or float(f"{self.sparsity:g}") != self.sparsity:
            raise InvalidData(
                f"Expected a sparsity from 0 to below 1, of at most six digits, got {self.sparsity!r}: correct it."
            )
        if not 0 <= self.teacher_share <= 1:
            raise InvalidData(f"Expected a share of the teacher from 0 to 1, got {self.teacher_share:g}: correct it.")
        if self.seed >= MAX_SEED:
            raise InvalidData(f"Expected a seed below {MAX_SEED}, got {self.seed}: choose a smaller one.")
        if not 0 <= self.decay_epochs <= self.epochs:
            raise InvalidData(
                f"Expected decay epochs from 0 to {self.epochs}, got {self.decay_epochs}: train longer or decay faster."
            )
        self._require_numbers()

    def _require_least(self) -> None:
        """Refuse numbers that are too small."""
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise InvalidData(f"Expected a {_words(name)} above 0, got {getattr(self, name):g}: raise it.")
        for name, least in {
            "width": 0,  # of networks of no family that are pruned
            "batch_size": 1,
            "epochs": 1,
            "cycles": 1,
            "seed": 0,
            "warmup_steps": 0,
        }.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise InvalidData(f"Expected {_words(name)} of at least {least}, got {value}: raise it.")
        if not 0 <= self.label_noise <= 1:
            raise InvalidData(f"Expected label noise from 0 to 1, got {self.label_noise:g}: correct it.")

    def _require_numbers(self) -> None:
        """Refuse infinite numbers, and snapshots that never come."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidData(f"Expected a finite {_words(each.name)}, got {value}: correct it.")
        never = [epoch for epoch in self.snapshots if not 0 < epoch <= self.epochs * self.cycles]
        if never:
            last = self.epochs * self.cycles
            raise InvalidData(f"Expected snapshots from epoch 1 to {last}, got {never[0]}: choose another.")

    @property
    def name(self) -> str:
        """The name that its checkpoint goes by, such as "cnn5-w8-noise20-seed1"."""
        if self.pruned_from:
            return f"{self.pruned_from}-pruned{100 * self.sparsity:g}"
        parts = [self.family]
        if self.family != "vgg8" or self.width != 1:
            parts.append(f"w{self.width}")
        if self.batch_norm:
            parts.append("bn")
        if self.label_noise:
            parts.append(f"noise{100 * self.label_noise:g}")
        if self.seed:
            parts.append(f"seed{self.seed}")
        if self.teacher:
            parts.append("distilled")
        return "-".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ")


_RECIPES: dict[str, dict[str, Any]] = {
    "cnn5": {"learning_rate": 2e-3},
    "vgg8": {
        "learning_rate": 2e-3,
        "batch_size": 128,
        "augment": True,
        "epochs": 24,
        "decay_epochs": 20,
        "loss_target": 0.0,
    },
    "vgg": {"learning_rate": 1e-3},
    "resnet": {"learning_rate": 2e-3},
}
_SGD: dict[str, Any] = {
    "learning_rate": 0.1,
    "weight_decay": 5e-4,
    "warmup_steps": None,
    "batch_size": 128,
    "augment": True,
    "epochs": 20,
    "loss_target": 0.0,
}
_SGD_DECAY = 0.75
"""Share of the epochs over which the learning rate falls again."""


def default_config(family: str, width: int, **overrides: Any) -> TrainConfig:
    """Return the recipe of a family for an optimizer (Adam if none is given), with what the caller sets instead.

    >>> default_config("cnn5", 8, label_noise=0.2).name
    'cnn5-w8-noise20'
    """
    if width < 1:
        raise InvalidData(f"Expected a width of at least 1, got {width}: raise it.")
    if overrides.get("optimizer") == "sgd":
        values = _SGD | overrides
        values.setdefault("decay_epochs", round(_SGD_DECAY * values["epochs"]))
    else:
        recipe = _RECIPES.get(family) or _RECIPES.get(family.partition("-")[0].rstrip("0123456789"), {})
        values = recipe | overrides
    # A training that is cut short spends what it has on the fall of the learning rate.
    values["decay_epochs"] = min(values.get("decay_epochs", DECAY_EPOCHS), values.get("epochs", EPOCHS))
    return TrainConfig(family=family, width=width, **values)


def describe(config: TrainConfig) -> str:
    """Return a recipe in words."""
    early = f" or the mean loss of an epoch is below {config.loss_target:g}" if config.loss_target else ""
    weights = "weights rounded to float16 at the end, float32" if config.half else "float32 weights and"
    precision = "bfloat16 autocast" if config.precision == "bfloat16" else "float32"
    augmented = "random crops and flips" if config.augment else "no augmentation"
    decay_start = config.epochs - config.decay_epochs
    rise = (
        f"linearly up until epoch {decay_start}{early}"
        if config.warmup_steps is None
        else f"{config.warmup_steps} warm-up steps, constant until epoch {decay_start}{early}"
    )
    again = f", {config.cycles} times" if config.cycles > 1 else ""
    schedule = f"batch {config.batch_size}, {rise}, then {counted(config.decay_epochs, 'epoch')} linearly to 0{again}"
    return (
        f"{_describe_origin(config)}{_describe_optimizer(config)}, {schedule}; {augmented}; "
        f"{precision} while training, {weights} evaluation"
    )


def _describe_origin(config: TrainConfig) -> str:
    if config.pruned_from:
        return f"the smallest {config.sparsity:.4g} of the weights of {config.pruned_from} set to zero, the others: "
    if config.teacher:
        share = f"{config.teacher_share:.0%} of the loss, temperature {config.temperature:g}"
        return f"distilled from {config.teacher} ({share}): "
    return ""


def _describe_optimizer(config: TrainConfig) -> str:
    decay = f", weight decay {config.weight_decay:g}" if config.weight_decay else ""
    if config.optimizer == "adam":
        return f"Adam at {config.learning_rate:g}{decay}"
    return f"SGD with Nesterov momentum {config.momentum:g} at {config.learning_rate:g}{decay}"
