"""Networks whose inputs are laid out in another way than images are here, or that return more than one output."""

from math import prod
from typing import Any

from torch import Tensor, nn

from lrviz.errors import InvalidNetwork
from lrviz.files import shown
from lrviz.network.tracing import flat_outputs

Shape = tuple[int, ...]

CHANNELS = (1, 3)
"""Of grey and colour images."""

_LEAST_SIDE = 4
"""Axes of fewer entries are no side of an image."""


class Rearranged(nn.Module):
    """A network that takes its inputs in another shape: channels last, or all numbers in a row."""

    def __init__(self, module: nn.Module, shape: Shape, wanted: Shape) -> None:
        super().__init__()
        self.module, self._shape, self._is_moved = module, shape, wanted == channels_first(shape)

    def forward(self, x: Tensor) -> Any:
        """What the network returns for inputs (n, *wanted)."""
        return self.module(x.movedim(1, -1) if self._is_moved else x.reshape(len(x), *self._shape))


class OneOutput(nn.Module):
    """A network of several outputs, of which one is wanted."""

    def __init__(self, module: nn.Module, output: str) -> None:
        super().__init__()
        self.module, self._output = module, output

    def forward(self, x: Tensor) -> Tensor:
        """That output, which has a name if they are a dictionary, and a position if they are not."""
        found = flat_outputs(self.module(x))
        if self._output not in found:
            raise InvalidNetwork(
                f"Expected one of the network's outputs, {', '.join(found) or 'of which there is none'}, got "
                f"{shown(self._output)}: choose one of them."
            )
        return found[self._output]


def channels_first(shape: Shape, *, least: int = _LEAST_SIDE) -> Shape:
    """The shape of images whose channels stand last, with channels first; the same for other shapes.

    Args:
        shape: Of one input.
        least: Least side of an image.

    >>> channels_first((28, 28, 1)), channels_first((3, 32, 32))
    ((1, 28, 28), (3, 32, 32))
    """
    if len(shape) != 3 or shape[2] not in CHANNELS or min(shape[:2]) < least or (shape[0] in CHANNELS and not least):
        return shape
    return shape[2], shape[0], shape[1]


def shape_taken(declared: Shape, wanted: Shape | None) -> Shape:
    """The shape of an input that a network takes.

    Args:
        declared: What its file says, 0 for sizes that it leaves open.
        wanted: What the user calls the shape of an input, if anything.

    >>> shape_taken((28, 28, 1), (1, 28, 28)), shape_taken((0, 0, 3), (3, 32, 48)), shape_taken((784,), (1, 28, 28))
    ((28, 28, 1), (32, 48, 3), (784,))
    """
    if wanted is None or _fits(declared, wanted):
        return declared if wanted is None else wanted
    moved = (*wanted[1:], wanted[0])
    if _fits(declared, moved) and channels_first(moved) == wanted:
        return moved
    return declared if prod(declared) == prod(wanted) else wanted


def _fits(declared: Shape, shape: Shape) -> bool:
    return len(declared) == len(shape) and all(a in (0, b) for a, b in zip(declared, shape, strict=True))
