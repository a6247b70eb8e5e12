"""Pattern ids: the XOR of the keys of active units, and of those of the winners of maxima."""

import torch
from jaxtyping import Int

from lrviz.network.maxima import DEAD


def xor_active(active: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """XOR of the keys (U,) of the active units (U, N), as (N,) int64."""
    return _xor(torch.where(active, keys[:, None], torch.zeros((), dtype=keys.dtype, device=keys.device)))


def xor_winners(winner: Int[torch.Tensor, "N M"], keys: Int[torch.Tensor, "M n"]) -> Int[torch.Tensor, "N"]:
    """XOR of the keys of the winners of M maxima at N points; those without a winner have no key."""
    chosen = keys.T.gather(0, winner.clamp(min=0))
    return _xor(chosen.masked_fill(winner == DEAD, 0).T)


def _xor(chosen: Int[torch.Tensor, "U N"]) -> Int[torch.Tensor, "N"]:
    number, kind, device = chosen.shape[1], chosen.dtype, chosen.device
    while chosen.shape[0] > 1:
        half = chosen.shape[0] // 2
        rest = chosen[2 * half :]
        chosen = (
            torch.cat([chosen[:half] ^ chosen[half : 2 * half], rest]) if len(rest) else (chosen[:half] ^ chosen[half:])
        )
    return chosen[0] if len(chosen) else torch.zeros(number, dtype=kind, device=device)
