"""Which units tell two inputs apart."""

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.network.maxima import find_winners
from lrviz.network.program import Program


def differing_units(program: Program, inputs: Float[torch.Tensor, "2 ..."]) -> Int[np.ndarray, " units"]:
    """The units that are active at one of two inputs only; of a maximum, the entry that wins at the first one.

    Args:
        program: The network.
        inputs: (2, *input_shape) normalised, on the program's device.
    """
    zeros = program.zeros(inputs)
    found: list[torch.Tensor] = []

    def on_layer(number: int, z: torch.Tensor) -> torch.Tensor:
        layer, entries = program.layers[number], program.entries(number)
        if entries is None:
            one, other = z > zeros[number]
            found.append(layer.first_unit + (one != other).nonzero()[:, 0])
            return z.clamp(min=0)
        value, place, winner = find_winners(z, entries, zeros[number])
        changed = (winner[0] != winner[1]).nonzero()[:, 0]
        found.append(layer.first_unit + changed * layer.num_entries + place[0, changed])
        return value

    program.propagate(inputs, 2, on_layer)
    return torch.cat(found).cpu().numpy() if found else np.zeros(0, np.int64)
