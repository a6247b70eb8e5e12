"""Where an image can be moved to: as an adversarial attack on a network does, or along a random direction."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped

from lrviz.errors import InvalidPath
from lrviz.models.catalogue import Model
from lrviz.models.numbers import image_shape
from lrviz.models.paths import Path
from lrviz.network.program import Program

DISTANCE = 0.5
"""How far images are moved, in L2 distance of pixels from 0 to 1: usual for attacks on CIFAR."""

STEPS = 20
"""Steps of an attack."""

_OVERSHOOT = 2.5
"""All steps together are so many times longer than the distance, so that the end can be moved along its sphere."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attack:
    """The straight way from an image to where an attack on a network ends: a path that depends on the network.

    Attributes:
        image: (channels, height, width) pixels: uint8 from 0 to 255, or floating point from 0 to 1.
        distance: How far the attack may go, in L2 distance of pixels from 0 to 1.
    """

    image: Shaped[np.ndarray, "..."]
    distance: float = DISTANCE
    kind: ClassVar[str] = "attack"
    num_segments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_distance(self.distance)

    def on(self, model: Model, program: Program) -> Path:
        """The path of an attack on one network."""
        image = to_unit(self.image)
        return Path(kind=self.kind, points=np.stack([image, find_attack(model, program, image, self.distance)]))


def find_attack(
    model: Model, program: Program, image: Float[np.ndarray, "..."], distance: float = DISTANCE
) -> Float[np.ndarray, "..."]:
    """Move an image away from its predicted class by projected gradient descent on L2 (Madry et al. 2018).

    Every step goes along the gradient of the cross-entropy of the class that is predicted at the image, and then back
    into the ball around it and, of an image, into the range of pixels. There is no random start: it is reproducible.
    That gradient is a multiple of the one of the margin, which is used: it does not vanish where a network is sure.

    Args:
        model: Tells how images are normalised.
        program: Its traced network.
        image: Pixels from 0 to 1.
        distance: Radius of the ball, in L2 distance of pixels from 0 to 1.

    Raises:
        InvalidPath: The network does not change around the image.
    """
    start = torch.as_tensor(image.copy(), dtype=torch.float64, device=program.device)
    with torch.no_grad():
        target = program(model.normalise(start[None])).argmax(1)
    pixels = start
    for _ in range(STEPS):
        gradient = _margin_gradient(model, program, pixels, target)
        size = float(gradient.norm())
        if size == 0:
            break
        pixels = pixels + _OVERSHOOT * distance / STEPS / size * gradient
        away = pixels - start
        length = float(away.norm())
        if length == 0:
            raise InvalidPath(f"An attack of distance {distance:g} changes no pixel in float64. Choose a larger one.")
        pixels = start + away * min(1.0, distance / length)
        if image_shape(model.input_shape) is not None:
            pixels = pixels.clamp(start.clamp(max=0), start.clamp(min=1))
    if torch.equal(pixels, start):
        raise InvalidPath(
            f"An attack needs a network that changes around the image; {model.name} does not. Choose another image."
        )
    return pixels.cpu().numpy()


def _margin_gradient(model: Model, program: Program, pixels: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The gradient of log sum exp of the other outputs, minus the one of the class."""
    x = pixels.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        outputs = program(model.normalise(x[None]))[0]
        others = torch.arange(len(outputs), device=outputs.device) != target
        margin = outputs[others].logsumexp(0) - outputs[target[0]]
        return torch.autograd.grad(margin, x)[0]


def direction_path(image: Shaped[np.ndarray, "..."], distance: float, seed: int) -> Path:
    """The straight way from an image along a random direction, all directions being equally likely.

    Pixels may leave their range by a little: what is compared is how far one goes.

    Args:
        image: Pixels: uint8 from 0 to 255, or floating point from 0 to 1.
        distance: How far, in L2 distance of pixels from 0 to 1.
        seed: The same seed gives the same direction.
    """
    require_distance(distance)
    step = np.random.default_rng(seed).normal(size=image.shape)
    start = to_unit(image)
    return Path(kind="direction", points=np.stack([start, start + distance / np.linalg.norm(step) * step]))


def to_unit(image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Pixels from 0 to 1 in float64."""
    return image / 255 if image.dtype == np.uint8 else image.astype(np.float64)


def require_distance(distance: float) -> None:
    """Raise InvalidPath unless an image can be moved so far."""
    if not 0 < distance < np.inf:
        raise InvalidPath(f"A distance above 0 is needed to move an image; got {distance:g}. Give {DISTANCE:g}.")
