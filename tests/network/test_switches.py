"""Comparisons and signs: what meets at the kink is a ReLU, what jumps is refused."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lrviz.errors import UnsupportedOperation
from lrviz.network.program import Program

VALUES = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64, device="cpu")


class Call(nn.Module):
    """A function of (n, 4) features, whose signs change in the middle of the inputs."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x + 0.1)


def half(x: Tensor) -> Tensor:
    return torch.heaviside(x, x.new_full((), 0.5))


MEETING: dict[str, Callable[[Tensor], Tensor]] = {
    "where": lambda x: torch.where(x > 0, x, 0.2 * x),
    "mask": lambda x: (x >= 0) * x,
    "sign": lambda x: torch.sign(x) * x,
    "sign of a ReLU": lambda x: torch.sign(x.relu()) * x,
    "step": lambda x: torch.heaviside(x, VALUES) * x,
    "step in front of an axis": lambda x: half(x)[:, None, :] * x[:, None, :],
    "step of a ReLU": lambda x: torch.heaviside(x.relu(), x.new_zeros(())) * x,
    "step of one column": lambda x: torch.heaviside(x[:, :1], VALUES) * x[:, :1],
    "difference of steps": lambda x: half(x) * x - half(-x) * x,
    "a ReLU that is never negative": lambda x: torch.where(x.relu() >= 0, x, 3 * x + 1),
    "a ReLU that is never negative, the other way round": lambda x: torch.where(x.relu() < 0, x, 3 * x + 1),
}


@pytest.mark.parametrize("name", MEETING)
def test_sides_that_meet_are_computed(name: str) -> None:
    module = Call(MEETING[name])
    program = Program.from_module(module, torch.zeros(1, 4, device="cpu"))
    x = torch.randn(50, 4, dtype=torch.float64, device="cpu", generator=torch.Generator("cpu").manual_seed(0))
    torch.testing.assert_close(program(x), module(x).flatten(1))


JUMPING: dict[str, Callable[[Tensor], Tensor]] = {
    "step": half,
    "step of a shifted value": lambda x: half(x) * (x + 1),
    "step of a ReLU": lambda x: half(x.relu()) * (x + 1),
    "step of a constant": lambda x: torch.heaviside(torch.zeros_like(x), x.abs() * x),
}


@pytest.mark.parametrize("name", JUMPING)
def test_what_jumps_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedOperation, match="heaviside"):
        Program.from_module(Call(JUMPING[name]), torch.zeros(1, 4, device="cpu"))
