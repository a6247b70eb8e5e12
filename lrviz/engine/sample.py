"""A network sampled at the pixel centres of a grid: the overview of windows that hold too many regions to find."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from math import ceil, prod
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float

from lrviz.arrays import first_largest
from lrviz.devices import THREADS, choose_device, memory_bytes, single_threaded
from lrviz.engine.arguments import check_callbacks, check_number, check_scene
from lrviz.errors import InvalidRequest
from lrviz.files import format_size
from lrviz.geometry.plane import Plane, Window
from lrviz.network.maxima import features_at, find_winners
from lrviz.network.patterns import xor_winners
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress, ignore, never
from lrviz.results.samples import Samples
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE
from lrviz.words import counted

_Seen: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

_BATCH_BYTES = {"cpu": 2**25, "cuda": 2**30}
_COPIES = 4  # the activations of a step, of the step before, what a shortcut keeps, and a step's own scratch space


@single_threaded()
def sample_plane(
    program: Program,
    plane: Plane,
    window: Window,
    *,
    resolution: int = 256,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float64,
    density: float = float("nan"),
    patterns: bool = True,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Samples:
    """Evaluate a network, its slope and its pattern at pixel centres.

    The slope is that of the region which holds the pixel's centre, not a difference between pixels.

    Args:
        program: The network.
        plane: The plane that holds the window.
        window: Where to look; the grid of square pixels covers its bounding box.
        resolution: Number of pixels along the longer side.
        device: Where to work; the GPU if there is one, else the CPU.
        dtype: torch.float64, or torch.float32, which takes about half the time and gives some 6 digits: units within
            these of zero may get the wrong sign.
        density: Regions per squared unit of L2 distance, if known from an estimate; it is passed on.
        patterns: Whether to tell the pattern ids; all 0 if not.
        progress: Called with the fraction of the pixels that is done and a short text.
        cancelled: Asked often; when it returns true, the pixels that are not done count as outside.

    Returns:
        What was seen at the pixels inside the window, in `dtype`.

    Raises:
        InvalidPlane: The plane's inputs do not have the network's shape.
        InvalidRequest: An argument is of another kind, the resolution is below one, or the memory does not hold so many
            pixels.
        LostDigits: float64 cannot tell the network's values apart there.
    """
    began = time.perf_counter()
    check_scene(program, plane, window)
    check_callbacks(progress, cancelled)
    if dtype not in (torch.float64, torch.float32):
        raise InvalidRequest(f"Samples are torch.float64 or torch.float32; got {dtype}. Choose one of these.")
    u, v = pixel_centers(window, resolution)
    _require_fit(len(u) * len(v), program.num_outputs, resolution)
    program = program.to(choose_device(device), dtype)
    rows, columns = np.nonzero(window.contains(_grid(u, v)).reshape(len(v), len(u)))
    canvas = _Canvas.empty(len(v), len(u), program.num_outputs, dtype)
    sampler = _Sampler.of(program, plane, window, dtype, patterns)
    size, status, done = _batch_size(program, dtype), Status.COMPLETE, 0
    batches = [slice(start, start + size) for start in range(0, len(rows), size)]
    points = (np.stack([u[columns[batch]], v[rows[batch]]], 1) for batch in batches)
    with closing(_map_in_order(sampler.sample, points, program.device)) as samples:
        for batch, seen in zip(batches, samples, strict=True):
            if (cancelled or never)():
                status = Status.CANCELLED
                break
            canvas.paint(rows[batch], columns[batch], *seen)
            done += len(seen[0])
            (progress or ignore)(done / len(rows), f"{done:,} of {len(rows):,} pixels")
    seconds = time.perf_counter() - began
    painted = {item.name: getattr(canvas, item.name) for item in fields(canvas)}
    return Samples(**painted, u=u, v=v, density=density, window=window.corners, status=status, seconds=seconds)


def pixel_centers(window: Window, resolution: int) -> tuple[Float[np.ndarray, "width"], Float[np.ndarray, "height"]]:
    """Plane coordinates u (W,) of the columns and v (H,) of the rows, lowest first, of square pixels over a window.

    Along the shorter side the grid may reach past the window's bounding box by less than half a pixel on either side.

    >>> pixel_centers(Window.rectangle((0, 0), 2, 1), 4)
    (array([-1.5, -0.5,  0.5,  1.5]), array([-0.5,  0.5]))
    """
    check_number(resolution, "resolution")
    size = np.ptp(window.corners, axis=0)
    pixel = size.max() / resolution
    u, v = (
        center + (np.arange(number) - (number - 1) / 2) * pixel
        for center, number in zip(
            window.center, (ceil(extent / pixel * (1 - TOLERANCE.cover)) for extent in size), strict=True
        )
    )
    return u, v


def _require_fit(num_pixels: int, num_outputs: int, resolution: int) -> None:
    needed = num_pixels * 8 * (2 + 3 * num_outputs)  # class, pattern, values and slopes, as `_Canvas` holds them
    if needed > memory_bytes():
        raise InvalidRequest(
            f"{num_pixels:,} pixels of {counted(num_outputs, 'output')} take {format_size(needed)} of memory, more "
            f"than this machine has; got the resolution {resolution:,}. Choose a lower one."
        )


def _grid(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """All pixel centres (H W, 2), row by row."""
    return np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)


def _batch_size(program: Program, dtype: torch.dtype) -> int:
    """Number of points whose activations, slopes included, fit the cache or the GPU."""
    widest = max([prod(program.input_shape), *(layer.num_units for layer in program.layers)])
    point = 3 * _COPIES * widest * dtype.itemsize
    return max(1, min(2**14, _BATCH_BYTES.get(program.device.type, 2**25) // point))


def _map_in_order(
    function: Callable[[np.ndarray], _Seen], items: Iterable[np.ndarray], device: torch.device
) -> Generator[_Seen, None, None]:
    """Results of a function, in order; on a processor several at once, each on one core, which beats sharing each."""
    if device.type != "cpu":
        yield from map(function, items)
        return
    with ThreadPoolExecutor(THREADS, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: deque[Future[_Seen]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampler:
    """A network on a plane.

    Attributes:
        program: The network.
        origin: (D,) the plane's origin, float64.
        basis: (2, D) the plane's directions, float64.
        dtype: What the network works in.
        zeros: For every layer, the values up to which its features are rounding errors, in `dtype`.
        bits: For every layer the bits (units, 64) of its units' keys, 0 or 1; None if patterns are not wanted.
        keys: The keys themselves, likewise.
    """

    program: Program
    origin: torch.Tensor
    basis: torch.Tensor
    dtype: torch.dtype
    zeros: list[torch.Tensor]
    bits: tuple[torch.Tensor, ...] | None
    keys: torch.Tensor | None

    @classmethod
    def of(cls, program: Program, plane: Plane, window: Window, dtype: torch.dtype, patterns: bool) -> "_Sampler":
        origin, basis = (torch.tensor(array, device=program.device) for array in (plane.origin, plane.basis))
        bits = tuple(_key_bits(program)) if patterns else None
        keys = torch.as_tensor(program.keys().view(np.int64), device=program.device) if patterns else None
        zeros = program.zeros(plane.references(window).to(program.device, dtype))
        return cls(program=program, origin=origin, basis=basis, dtype=dtype, zeros=zeros, bits=bits, keys=keys)

    @torch.no_grad()
    def sample(self, points: Float[np.ndarray, "n 2"]) -> _Seen:
        """Classes (n,), values (n, K), slopes (n, K, 2) and pattern ids (n,) at plane coordinates (n, 2)."""
        n, device = len(points), self.program.device
        inputs = self.origin + torch.tensor(points, dtype=torch.float64, device=device) @ self.basis
        rows = torch.cat([inputs, self.basis.repeat_interleave(n, 0)]).to(self.dtype)
        parity = torch.zeros(n, 64, dtype=torch.float32, device=device)
        ids = torch.zeros(n, dtype=torch.int64, device=device)

        def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
            entries, zero = self.program.entries(layer), self.zeros[layer]
            if entries is None:
                active = z[:n] > zero
                if self.bits is not None:
                    parity.add_(active.to(torch.float32) @ self.bits[layer].to(torch.float32)).remainder_(2)
                return (z.unflatten(0, (3, n)) * active).flatten(0, 1)
            value, place, winner = find_winners(z[:n], entries, zero)
            if self.keys is not None:
                ids.bitwise_xor_(xor_winners(winner, self.keys[self.program.layers[layer].units].view(entries.shape)))
            feature = features_at(place, entries).repeat(2, 1)
            return torch.cat([value, z[n:].gather(1, feature)])

        outputs = self.program.propagate(rows.reshape(-1, *self.program.input_shape), n, on_layer)
        values, along_u, along_v = outputs.unflatten(0, (3, n))
        places = torch.arange(64, device=device)
        pattern = (ids ^ (parity.to(torch.int64) << places).sum(1)).cpu().numpy().view(np.uint64)
        found, slope = values.cpu().numpy(), torch.stack([along_u, along_v], 2).cpu().numpy()
        return first_largest(found, self.zeros[-1].cpu().numpy()), found, slope, pattern


def _key_bits(program: Program) -> list[torch.Tensor]:
    """The bits of the units' keys, lowest first, layer by layer.

    Bit i of a pattern id is the parity of the number of active units whose key has bit i: a matrix product, whose sums
    are exact in float32 for layers of up to 2^24 units, and far faster than XORing the keys themselves.
    """
    keys = program.keys()
    bits = np.unpackbits(keys.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    table = torch.tensor(bits, dtype=torch.uint8, device=program.device)
    return [table[layer.units] for layer in program.layers]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """The pixels under work: class -1, NaN and pattern 0 until they are painted."""

    predicted: np.ndarray
    values: np.ndarray
    slope: np.ndarray
    pattern: np.ndarray

    @classmethod
    def empty(cls, height: int, width: int, num_outputs: int, dtype: torch.dtype) -> "_Canvas":
        kind = np.float32 if dtype == torch.float32 else np.float64
        return cls(
            predicted=np.full((height, width), -1),
            values=np.full((height, width, num_outputs), np.nan, kind),
            slope=np.full((height, width, num_outputs, 2), np.nan, kind),
            pattern=np.zeros((height, width), np.uint64),
        )

    def paint(self, row: np.ndarray, column: np.ndarray, *seen: np.ndarray) -> None:
        """Enter classes, values, slopes and pattern ids of some pixels."""
        for item, values in zip(fields(self), seen, strict=True):
            getattr(self, item.name)[row, column] = values
