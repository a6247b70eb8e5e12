"""Where to compute."""

import warnings

import torch

from lrviz.errors import InvalidDevice


def choose_device(device: torch.device | str | None = None) -> torch.device:
    """The device to work on: the one asked for, else the GPU if there is one, else the CPU.

    Apple's `mps` has no float64; the CPU takes its place, with a warning.

    Raises:
        InvalidDevice: There is no such device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InvalidDevice(f"Expected a device such as 'cpu' or 'cuda'; got {device!r}. Choose one of them.") from error
    if chosen.type == "mps":
        warnings.warn("mps has no float64: computing on the CPU instead.", stacklevel=2)
        return torch.device("cpu")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InvalidDevice("The device 'cuda' was asked for, but PyTorch finds no GPU here. Choose 'cpu'.")
    return chosen
