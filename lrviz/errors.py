"""The errors that lrviz raises on purpose; each message says what was expected, what came, and the remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias


class LrvizError(Exception):
    """Base of every error that lrviz raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One use of an operation that is not supported.

    Attributes:
        operation: Its name in PyTorch.
        module: Path of the module that uses it.
        kind: Class of that module.
        reason: Why this use is not supported; empty if the operation never is.
        line: File and line of the network's code, if known.
    """

    operation: str
    module: str
    kind: str
    reason: str
    line: str


OnRefusal: TypeAlias = Callable[[Any, LrvizError], None]
"""What to do with one of many that is refused: called with what it is, and why."""


def stop_at_refusal(_: Any, error: LrvizError) -> None:
    """The `OnRefusal` of those who did not say what else to do: raise the error."""
    raise error


class UnsupportedOperation(LrvizError):
    """A network uses an operation that is not piecewise linear, or that lrviz does not know.

    Attributes:
        refusals: Each use of such an operation, if the network could be traced.
    """

    def __init__(self, message: str, refusals: tuple[Refusal, ...] = ()) -> None:
        super().__init__(message)
        self.refusals = refusals


class InvalidNetwork(LrvizError):
    """What was given as a network, its weights or its example input is none that can be converted."""


class LostDigits(LrvizError):
    """A network whose values cancel or saturate so much that float64 cannot tell them apart."""


class InvalidPlane(LrvizError):
    """Images that do not span a plane, or do not have the network's shape."""


class InvalidWindow(LrvizError):
    """A window that is empty, not convex, or outside reason."""


class UnreadableFile(LrvizError):
    """A file that is not there, may not be read, or is larger than what is read of such files."""


class InvalidImage(LrvizError):
    """An image reference that names nothing, or a file that is not a readable image."""


class UnknownModel(LrvizError):
    """A model name or file that does not exist, or a family that lrviz cannot build."""


class InvalidCheckpoint(LrvizError):
    """A checkpoint or card that is damaged, or does not fit its architecture."""


class InvalidData(LrvizError):
    """A data set that is missing, damaged, or too small for what is asked of it."""


class TrainingDiverged(LrvizError):
    """A training whose loss is no longer finite."""


class InvalidDevice(LrvizError):
    """A device that torch cannot compute on here."""


class InvalidRequest(LrvizError):
    """A budget, resolution or size limit outside its range."""


class InvalidView(LrvizError):
    """A link or a stored view that does not describe a figure."""


class BudgetExceeded(LrvizError):
    """A window that holds far more regions than the budget or the memory allows.

    Attributes:
        reason: How many it holds, and how many it may, without advice.
        pieces_per_length: Pieces per unit of L2 distance in the window; tells how large one is that fits.
    """

    def __init__(self, message: str, *, reason: str, pieces_per_length: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.pieces_per_length = pieces_per_length

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process sends it."""
        make = partial(BudgetExceeded, reason=self.reason, pieces_per_length=self.pieces_per_length)
        return make, self.args


class InvalidGeometry(LrvizError):
    """Polygons or regions that are not what they claim to be."""


class InvalidPath(LrvizError):
    """Images that form no path."""
