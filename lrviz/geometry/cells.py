"""Convex cells of the plane: measure them, split them along lines.

Cells are kept as arrays whose last axis is the cell, so that every step is one long vector operation. Polygons of
different sizes share an array: behind its last vertex a cell repeats that vertex.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Convex polygons, counter-clockwise.

    Attributes:
        vertices: (2, P, N) coordinates, padded with the last vertex.
        edges: (P, N) label of the edge that leaves each vertex, padded likewise.
        count: (N,) number of vertices.
    """

    vertices: Float[torch.Tensor, "2 P N"]
    edges: Int[torch.Tensor, "P N"]
    count: Int[torch.Tensor, "N"]

    def __len__(self) -> int:
        return self.count.shape[0]

    def __getitem__(self, index: torch.Tensor | slice) -> "Cells":
        return Cells(vertices=self.vertices[..., index], edges=self.edges[..., index], count=self.count[index])

    @property
    def used(self) -> torch.Tensor:
        """(P, N) true where there is a vertex and not padding."""
        rows = torch.arange(self.edges.shape[0], device=self.count.device)
        return rows[:, None] < self.count

    @classmethod
    def polygon(cls, corners: Float[torch.Tensor, "P 2"], edges: Int[torch.Tensor, "P"]) -> "Cells":
        """A single cell with the given corners (P, 2) and edge labels (P,)."""
        count = torch.tensor([len(corners)], device=corners.device)
        return cls(vertices=corners.T[..., None].contiguous(), edges=edges[:, None].contiguous(), count=count)

    @classmethod
    def join(cls, parts: "list[Cells]") -> "Cells":
        """All cells of several sets, in order."""
        if len(parts) == 1:
            return parts[0]
        height = max(part.edges.shape[0] for part in parts)
        padded = [part.padded(height) for part in parts]
        return cls(
            vertices=torch.cat([part.vertices for part in padded], -1),
            edges=torch.cat([part.edges for part in padded], -1),
            count=torch.cat([part.count for part in padded]),
        )

    def padded(self, height: int) -> "Cells":
        """The same cells with exactly this many rows, at least the largest count."""
        missing = height - self.edges.shape[0]
        if missing <= 0:
            return Cells(vertices=self.vertices[:, :height], edges=self.edges[:height], count=self.count)
        return Cells(
            vertices=torch.cat([self.vertices, self.vertices[:, -1:].expand(-1, missing, -1)], 1),
            edges=torch.cat([self.edges, self.edges[-1:].expand(missing, -1)]),
            count=self.count,
        )


def measure_cells(cells: Cells) -> tuple[Float[torch.Tensor, "N"], Float[torch.Tensor, "2 N"]]:
    """Area (N,) and centroid (2, N) of every cell, relative to its first vertex to keep the digits of slivers."""
    first = cells.vertices[:, :1]
    x, y = cells.vertices - first
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    area = cross.sum(0) / 2
    moment = torch.stack([((x[:-1] + x[1:]) * cross).sum(0), ((y[:-1] + y[1:]) * cross).sum(0)])
    mean = (cells.vertices - first).sum(1) / cells.edges.shape[0]
    return area, first[:, 0] + torch.where(area > 0, moment / (6 * area), mean)


def split_cells(
    cells: Cells, distance: Float[torch.Tensor, "P N"], label: Int[torch.Tensor, "N"]
) -> tuple[Cells, Cells]:
    """Split every cell in two along a line that crosses it.

    Args:
        cells: N cells.
        distance: (P, N) signed distance of every vertex from the cell's line, exactly 0 where the vertex counts as on
            the line. Every cell has a vertex on either side.
        label: (N,) what to call the new edges.

    Returns:
        The N parts on the positive side and the N parts on the negative side. They share their new vertices to the
        last bit.
    """
    turned, distance, num_positive = _positive_first(cells, distance)
    last = (cells.count - 1)[None]
    leaving = _edge_crossing(turned.vertices, distance, num_positive - 1, num_positive)
    entering = _edge_crossing(turned.vertices, distance, last, torch.zeros_like(last))
    vertices = torch.cat([turned.vertices, leaving, entering], 1)
    edges = torch.cat([turned.edges, label[None], label[None]])
    positive = _positive_part(vertices, edges, num_positive, last)
    on_first = distance.gather(0, num_positive) == 0
    on_last = distance.gather(0, last) == 0
    return positive, _negative_part(vertices, edges, num_positive, last, on_first, on_last)


def _positive_first(cells: Cells, distance: torch.Tensor) -> tuple[Cells, torch.Tensor, torch.Tensor]:
    """Turn every polygon so that its run of positive vertices comes first; also the (1, N) length of that run."""
    positive = distance > 0
    start = (positive & ~positive.roll(1, 0)).to(torch.int8).argmax(0)
    num_positive = (positive & cells.used).sum(0, keepdim=True)
    rows = torch.arange(distance.shape[0], device=distance.device)[:, None]
    rows = (torch.minimum(rows, cells.count - 1) + start) % cells.count
    turned = Cells(
        vertices=cells.vertices.gather(1, rows.expand(2, -1, -1)), edges=cells.edges.gather(0, rows), count=cells.count
    )
    return turned, distance.gather(0, rows), num_positive


def _edge_crossing(
    vertices: torch.Tensor, distance: torch.Tensor, here: torch.Tensor, there: torch.Tensor
) -> torch.Tensor:
    """Where the line meets the edge between two vertices given by (1, N) rows; exactly the vertex if that is on it."""
    s, t = distance.gather(0, here), distance.gather(0, there)
    p, q = vertices.gather(1, here.expand(2, -1, -1)), vertices.gather(1, there.expand(2, -1, -1))
    return torch.where(s == 0, p, torch.where(t == 0, q, p + (s / (s - t)) * (q - p)))


def _positive_part(
    vertices: torch.Tensor, edges: torch.Tensor, num_positive: torch.Tensor, last: torch.Tensor
) -> Cells:
    height = edges.shape[0] - 2
    count = num_positive + 2
    rows = torch.arange(height + 1, device=edges.device)[:, None]
    rows = torch.minimum(rows, count - 1)
    source = torch.where(rows < num_positive, rows, height + rows - num_positive)
    edge = torch.where(rows == num_positive + 1, last, source)
    return _take(vertices, edges, source, edge, count)


def _negative_part(
    vertices: torch.Tensor,
    edges: torch.Tensor,
    num_positive: torch.Tensor,
    last: torch.Tensor,
    on_first: torch.Tensor,
    on_last: torch.Tensor,
) -> Cells:
    height = edges.shape[0] - 2
    skip = (~on_first).long()
    count = last + 1 - num_positive + skip + (~on_last).long()
    rows = torch.arange(height + 1, device=edges.device)[:, None]
    rows = torch.minimum(rows, count - 1)
    source = rows + num_positive - skip
    closing = rows == count - 1
    edge = torch.where(closing, height, source)
    source = torch.where(source > last, height + 1, torch.where(source < num_positive, height, source))
    return _take(vertices, edges, source, edge, count)


def _take(
    vertices: torch.Tensor, edges: torch.Tensor, source: torch.Tensor, edge: torch.Tensor, count: torch.Tensor
) -> Cells:
    return Cells(vertices=vertices.gather(1, source.expand(2, -1, -1)), edges=edges.gather(0, edge), count=count[0])
