"""A model's converted network, kept in the store: to convert one takes seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import torch

from lrviz import __version__
from lrviz.engine.requests import Device, Request, run
from lrviz.models.catalogue import Model
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress
from lrviz.results.store import Store

READING_VERSION = 2
"""To be raised wherever a file gives another network than before, so that stored ones are converted again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgramRequest(Request):
    """The program of a model whose digest is known.

    Attributes:
        model: The model.
    """

    model: Model
    result_type: ClassVar[type[Program]] = Program

    def content(self) -> Iterator[bytes]:
        """What the result depends on: the file, and those who build its network, trace it and convert it."""
        yield self.model.digest.encode()
        versions = __version__, READING_VERSION, torch.__version__, version("torchvision")
        yield repr((self.model.input_shape, *versions)).encode()

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> Program:
        """Convert the network."""
        return self.model.program()


def program_of(model: Model, store: Store | None) -> Program:
    """The program of a model, from the store if it is there; without a store, or a digest, it is converted anew.

    Raises:
        UnsupportedOperation: The network holds an operation that is not piecewise linear or not known.
    """
    if store is None or not model.digest:
        return model.program()
    return run(ProgramRequest(model=model), store).result
