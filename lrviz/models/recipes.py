"""Training recipes: what decides, besides the data, what a training gives."""

from dataclasses import dataclass
from typing import Any

from lrviz.errors import InvalidData

EPOCHS = 200
DECAY_EPOCHS = 15
MAX_SEED = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what training gives, besides the data.

    The learning rate rises over `warmup_steps`, stays at `learning_rate` until the mean loss of an epoch falls
    below `loss_target` or only `decay_epochs` are left, and then falls linearly to zero over `decay_epochs`.

    Attributes:
        family: one of `lrviz.models.architectures.FAMILIES`.
        width: base width k.
        batch_norm: put a batch normalisation after every convolution.
        seed: seed of the weights, the subset, the label noise, the order and the augmentation.
        subset: number of training images, class-balanced; the whole training set when None.
        label_noise: fraction of the training labels that are moved to a random other class.
        augment: crop (4 pixels of padding) and flip training images at random.
        learning_rate: of Adam.
        warmup_steps: steps of the linear rise.
        batch_size: images per step.
        epochs: largest number of epochs.
        decay_epochs: epochs of the linear fall at the end.
        loss_target: mean training loss at which the fall begins early; 0 for never.
        snapshots: epochs after which a checkpoint of its own is kept.
        half: round the trained weights to float16, in which they are then stored: the file is half as large.
    """

    family: str
    width: int
    batch_norm: bool = False
    seed: int = 0
    subset: int | None = None
    label_noise: float = 0.0
    augment: bool = False
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    batch_size: int = 64
    epochs: int = EPOCHS
    decay_epochs: int = DECAY_EPOCHS
    loss_target: float = 0.03
    snapshots: tuple[int, ...] = ()
    half: bool = False

    def __post_init__(self) -> None:
        """Check the numbers that training divides by or counts with."""
        limits = {"learning_rate": 0.0, "batch_size": 0, "epochs": 0, "seed": -1, "warmup_steps": -1}
        for name, limit in limits.items():
            if not getattr(self, name) > limit:
                raise InvalidData(f"Expected {name} above {limit}, got {getattr(self, name)}: raise it.")
        if self.seed >= MAX_SEED:
            raise InvalidData(f"Expected a seed below {MAX_SEED}, got {self.seed}: choose a smaller one.")
        if not 0 <= self.decay_epochs <= self.epochs:
            raise InvalidData(
                f"Expected decay epochs from 0 to {self.epochs}, got {self.decay_epochs}: train longer or decay faster."
            )

    @property
    def name(self) -> str:
        """The name that its checkpoint goes by, such as "cnn5-w8-noise20-seed1"."""
        parts = [self.family]
        if self.family != "vgg8" or self.width != 1:
            parts.append(f"w{self.width}")
        if self.batch_norm:
            parts.append("bn")
        if self.label_noise:
            parts.append(f"noise{100 * self.label_noise:g}")
        if self.seed:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)


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


def default_config(family: str, width: int, **overrides: Any) -> TrainConfig:
    """Return the recipe of a family, with what the caller sets instead.

    >>> default_config("cnn5", 8, label_noise=0.2).name
    'cnn5-w8-noise20'
    """
    recipe = _RECIPES.get(family) or _RECIPES.get(family.rstrip("0123456789"), {})
    values = recipe | overrides
    # A training that is cut short spends what it has on the fall of the learning rate.
    values["decay_epochs"] = min(values.get("decay_epochs", DECAY_EPOCHS), values.get("epochs", EPOCHS))
    return TrainConfig(family=family, width=width, **values)


def describe(config: TrainConfig) -> str:
    """Return a recipe in words."""
    early = f" or the mean loss of an epoch is below {config.loss_target:g}" if config.loss_target else ""
    weights = "weights rounded to float16 at the end, float32" if config.half else "float32 weights and"
    augmented = "random crops and flips" if config.augment else "no augmentation"
    return (
        f"Adam at {config.learning_rate:g}, {config.warmup_steps} warm-up steps, batch {config.batch_size}, constant "
        f"until epoch {config.epochs - config.decay_epochs}{early}, then {config.decay_epochs} epochs linearly to 0; "
        f"{augmented}; bfloat16 autocast while training, {weights} evaluation"
    )
