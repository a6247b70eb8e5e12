"""From a frozen request to its result: found in the store, or computed once and kept there."""

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch

from lrviz.arrays import ArrayLike, frozen_array
from lrviz.devices import memory_bytes
from lrviz.engine.estimate import estimate_regions, expected_regions, fitting_half_width, rounded_down
from lrviz.engine.find_pieces import find_path_pieces, find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.engine.tiles import peak_bytes
from lrviz.errors import BudgetExceeded, InvalidData, InvalidRequest
from lrviz.files import format_size
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress, ignore, never
from lrviz.results.archive import Archive
from lrviz.results.estimate import Estimate
from lrviz.results.pieces import PathMeasures, PathPieces, Pieces
from lrviz.results.plane_map import MapTile
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.results.status import Status
from lrviz.results.store import Store

ENGINE_VERSION = 8
"""Part of every key; raised when the engine finds other numbers, so that older results are not shown."""

HOPELESS_FACTOR = 10
"""A window with more than this many times its budget of regions is refused: what was found of it would say little."""

BYTES_PER_REGION = 1000
"""Memory that finding a region takes at the peak, and `BYTES_PER_OUTPUT` for each output of the network."""

BYTES_PER_OUTPUT = 100

MAX_RESOLUTION = 2048

Device = torch.device | str | None
AnyResult = Regions | Pieces | PathPieces | PathMeasures | Samples | Estimate | MapTile | Program
Result = TypeVar("Result", Regions, Pieces, PathPieces, PathMeasures, Samples, Estimate, MapTile, Program)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[Result]):
    """The answer to a request.

    Attributes:
        result: What was asked for.
        stored: Whether it came from the store.
        seconds: Time that the answer took; the result tells how long computing it took.
    """

    result: Result
    stored: bool
    seconds: float


class Request:
    """A question to the engine; its content decides its key in the store."""

    __slots__ = ()
    result_type: ClassVar[type[AnyResult]]

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        raise NotImplementedError

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> AnyResult:
        """Find the result."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowRequest(Request):
    """What requests about a window share.

    Attributes:
        program: The network.
        plane: The plane that holds the window.
        window: Where to look.
    """

    program: Program
    plane: Plane
    window: Window

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield self.program.digest.encode()
        yield repr(self.plane.input_shape).encode()
        yield from map(_array_bytes, (self.plane.origin, self.plane.basis, self.window.corners))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimateRequest(WindowRequest):
    """How many regions a window holds, and how long finding them takes."""

    result_type: ClassVar[type[Estimate]] = Estimate

    def content(self) -> Iterator[bytes]:
        """What the result depends on, and how it is found."""
        yield from WindowRequest.content(self)
        yield b"points"

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> Estimate:
        """Look at a few points."""
        return estimate_regions(self.program, self.plane, self.window, device=device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionsRequest(WindowRequest):
    """The regions of a window.

    Attributes:
        max_regions: The budget.
        most_expected: A window that is expected to hold more regions is refused; `HOPELESS_FACTOR` budgets if None.
        pieces_per_length: Pieces per unit of L2 distance, if they are known from windows nearby; counted if None.
        preview: Called now and then with the regions found so far.

    Raises:
        InvalidRequest: The budget is below one.
    """

    max_regions: int = 200_000
    most_expected: float | None = None
    pieces_per_length: float | None = None
    preview: Callable[[Regions], None] | None = None
    result_type: ClassVar[type[Regions]] = Regions

    def __post_init__(self) -> None:
        if self.max_regions < 1:
            raise InvalidRequest(f"A budget of at least one region is needed; got {self.max_regions}. Raise it.")

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield from WindowRequest.content(self)
        yield str(self.max_regions).encode()

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> Regions:
        """Find the regions, unless the estimate says that it is hopeless.

        Raises:
            BudgetExceeded: The window holds far more regions than the budget, or than the memory can hold.
        """
        if not cancelled():
            nu = self.pieces_per_length
            if nu is None:
                request = EstimateRequest(program=self.program, plane=self.plane, window=self.window)
                nu = run(request, store, device=device).result.pieces_per_length
            number = expected_regions(nu, self.window)
            self._require_fit(number, nu)
            progress(0.0, f"about {number:,.0f} regions")
        return find_regions(
            self.program,
            self.plane,
            self.window,
            max_regions=self.max_regions,
            device=device,
            progress=progress,
            cancelled=cancelled,
            preview=self.preview,
        )

    def _require_fit(self, number: float, pieces_per_length: float) -> None:
        budget, most = self.max_regions, self.most_expected or HOPELESS_FACTOR * self.max_regions
        capacity = (memory_bytes() - peak_bytes(self.program)) // bytes_per_region(self.program)
        if capacity < 1:
            raise InvalidRequest(
                f"Finding regions of this network takes {format_size(peak_bytes(self.program))} of memory, more than "
                "this machine has. Choose a network of smaller layers or a smaller input."
            )
        if min(number, budget) > capacity:
            limit, remedy = f"the memory is enough for {rounded_down(capacity):,.0f}", ""
        elif number > most:
            limit, remedy = f"the budget is {budget:,}", ", or raise the budget"
        else:
            return
        half = fitting_half_width(pieces_per_length, max(min(budget, capacity), 2))  # one region fits none
        u, v = self.window.center
        reason = f"The window holds about {rounded_down(number):,.0f} regions, and {limit}."
        raise BudgetExceeded(
            f"{reason} Choose a smaller window, such as one around ({u:.4g}, {v:.4g}) with half width "
            f"{rounded_down(half):.3g}{remedy}.",
            reason=reason,
            pieces_per_length=pieces_per_length,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SamplesRequest(WindowRequest):
    """A grid of samples over a window.

    Attributes:
        resolution: Pixels along the longer side.

    Raises:
        InvalidRequest: The resolution is out of range.
    """

    resolution: int = 256
    result_type: ClassVar[type[Samples]] = Samples

    def __post_init__(self) -> None:
        if not 1 <= self.resolution <= MAX_RESOLUTION:
            raise InvalidRequest(f"A resolution from 1 to {MAX_RESOLUTION} is needed; got {self.resolution}.")

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield from WindowRequest.content(self)
        yield str(self.resolution).encode()

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> Samples:
        """Evaluate the network on the grid."""
        return sample_plane(
            self.program,
            self.plane,
            self.window,
            resolution=self.resolution,
            device=device,
            progress=progress,
            cancelled=cancelled,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiecesRequest(Request):
    """The pieces of a segment.

    Attributes:
        program: The network.
        start: One end, of the network's input shape.
        end: The other.
    """

    program: Program
    start: ArrayLike
    end: ArrayLike
    result_type: ClassVar[type[Pieces]] = Pieces

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), float))

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield self.program.digest.encode()
        yield repr((self.start.shape, self.end.shape)).encode()
        yield from map(_array_bytes, (self.start, self.end))

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> Pieces:
        """Find the pieces."""
        return find_pieces(self.program, self.start, self.end, device=device, progress=progress, cancelled=cancelled)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointsRequest(Request):
    """What requests about a path share.

    Attributes:
        program: The network.
        points: (S + 1, *input_shape) the points that the path joins, normalised.
    """

    program: Program
    points: ArrayLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points, float))

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield self.program.digest.encode()
        yield repr(self.points.shape).encode()
        yield _array_bytes(self.points)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathRequest(PointsRequest):
    """The pieces of all segments of a path."""

    result_type: ClassVar[type[PathPieces]] = PathPieces

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> PathPieces:
        """Find the pieces."""
        return find_path_pieces(self.program, self.points, device=device, progress=progress, cancelled=cancelled)


def request_key(request: Request) -> str:
    """The content of a request as a hexadecimal hash: equal content has an equal key in every process."""
    kind = request.result_type
    schema = kind.schema if issubclass(kind, Archive) else 1
    digest = hashlib.sha256(f"{kind.__name__} engine {ENGINE_VERSION} schema {schema} float64".encode())
    for part in request.content():
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def run(
    request: Request,
    store: Store,
    *,
    device: Device = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Outcome:
    """Answer a request: look it up, else compute it, once among all threads and processes, and store it.

    Args:
        request: What is asked for.
        store: Where results are kept. Those that were cancelled are not.
        device: Where to compute; the GPU if there is one, else the CPU.
        progress: Called with a fraction and a short text.
        cancelled: Asked often; when it returns true, what was found so far is returned.

    Raises:
        BudgetExceeded: A window holds far more regions than the budget or the memory allows.
    """
    began, key, cancelled = time.perf_counter(), request_key(request), cancelled or never
    result = look_up(request, key, store)
    if result is not None:
        return Outcome(result=result, stored=True, seconds=time.perf_counter() - began)
    with store.lock(key, cancelled):
        result = look_up(request, key, store)
        stored = result is not None
        if result is None:
            result = request.compute(store, device, progress or ignore, cancelled)
            keep(result, key, store)
    return Outcome(result=result, stored=stored, seconds=time.perf_counter() - began)


def bytes_per_region(program: Program) -> int:
    """Memory that finding a region takes at the peak."""
    return BYTES_PER_REGION + BYTES_PER_OUTPUT * program.num_outputs


def look_up(request: Request, key: str, store: Store) -> AnyResult | None:
    """The stored answer to a request, given its key; None if there is none, or if it is damaged."""
    value = store.get(key)
    if value is None:
        return None
    try:
        return request.result_type.load(io.BytesIO(value))
    except InvalidData:
        store.discard(key)
        return None


def keep(result: AnyResult, key: str, store: Store) -> None:
    """Store an answer, unless it was cancelled."""
    if getattr(result, "status", Status.COMPLETE) == Status.CANCELLED:
        return
    store.put(key, pack(result))


def pack(result: AnyResult) -> bytes:
    """A result as the bytes of an npz file, from which its class loads it again."""
    buffer = io.BytesIO()
    result.save(buffer)
    return buffer.getvalue()


def _array_bytes(array: ArrayLike) -> bytes:
    """Little-endian float64; adding zero makes -0.0 and 0.0 the same."""
    return (np.asarray(array, "<f8") + 0.0).tobytes()
