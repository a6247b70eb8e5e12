"""ReLUs of one layer that draw the same line everywhere in a window: they change sign together."""

import torch
from jaxtyping import Int

from lrviz.engine.restrict import Restriction
from lrviz.tolerance import TOLERANCE


def group_twins(restriction: Restriction) -> Int[torch.Tensor, "R"]:
    """For every row of a ReLU the first row of its layer that draws the same line everywhere; itself if there is none.

    Twins have proportional rows. They are found by comparing two random projections of the normalised rows: for rows
    that differ, both projections agree to a tolerance t with a probability of about t squared.
    """
    number = restriction.num_units
    index = torch.arange(number, device=restriction.unit.device)
    if number < 2:
        return index
    reach = restriction.reach
    rows = torch.cat([restriction.affine, restriction.coupling * reach], 1)
    rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-300)
    generator = torch.Generator(device="cpu").manual_seed(0)
    probes = torch.randn(rows.shape[1], 2, dtype=torch.float64, device="cpu", generator=generator).to(rows.device)
    prints = rows @ probes
    prints = prints * prints[:, :1].sign()
    layer = index + number
    for place, stage in enumerate(restriction.stages):
        if not stage.is_maximum:
            layer[stage.rows] = place
    order = torch.argsort(prints[:, 0])
    order = order[torch.argsort(layer[order], stable=True)]
    prints, layer = prints[order], layer[order]
    differs = ((prints[1:] - prints[:-1]).abs() > TOLERANCE.twin * number).any(1) | (layer[1:] != layer[:-1])
    group = torch.cat([differs.new_zeros(1), differs]).cumsum(0)
    first = torch.full((number,), number, device=index.device).scatter_reduce(0, group, order, "amin")
    return torch.empty_like(index).scatter_(0, order, first[group])


def flips(restriction: Restriction, twin: Int[torch.Tensor, "R"]) -> Int[torch.Tensor, "R"]:
    """XOR of the keys of all twins of every ReLU: they change sign together."""
    flip = restriction.key.clone()
    for stage in restriction.stages:
        if stage.is_maximum:
            flip[stage.rows] = 0
    others = (twin != torch.arange(len(twin), device=twin.device)).nonzero()[:, 0]
    if len(others):
        members = restriction.key[others].tolist()
        keys = flip.tolist()
        for first, key in zip(twin[others].tolist(), members, strict=True):
            keys[first] ^= key
        flip = torch.tensor(keys, dtype=torch.int64, device=flip.device)
    return flip
