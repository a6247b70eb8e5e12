"""Networks that normalise by themselves are fed plain pixels; all others get what their data set asks for."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lrviz.models.catalogue import load_model
from lrviz.models.front import normalises
from tests.models.test_onnx import export

MEAN, STD = (torch.tensor(values, device="cpu").view(1, 3, 1, 1) for values in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.25]))
CIFAR = (0.4914, 0.4822, 0.4465)


class Network(nn.Module):
    def __init__(self, front=lambda x: x):
        super().__init__()
        self.conv, self.last, self.front = nn.Conv2d(3, 4, 3, 2), nn.Linear(4 * 225, 10), front

    def forward(self, x):
        return self.last(self.conv(self.front(x)).relu().flatten(1))


def batch_norm(mean):
    layer = nn.BatchNorm2d(3).eval()
    layer.running_mean.fill_(mean)
    return layer


def standardised(x):
    return (x - MEAN) / STD


def by_parts(x):
    """As torchvision's googlenet does: from one normalisation to another."""
    stated = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
    parts = [x[:, k : k + 1] * (s / 0.5) + (m - 0.5) / 0.5 for k, (m, s) in enumerate(stated)]
    return torch.cat(parts, 1)


FRONTS = {
    "nothing": (lambda x: x, None),
    "mean and std": (standardised, (0.0, 1.0)),
    "in place": (lambda x: x.clone().sub_(MEAN).div_(STD), (0.0, 1.0)),
    "by a factor": (lambda x: x * (1 / STD) + (-MEAN / STD), (0.0, 1.0)),
    "to -1 and 1": (lambda x: 2 * x - 1, (0.0, 1.0)),
    "cast, then mean and std": (lambda x: standardised(x.double().float()), (0.0, 1.0)),
    "turned, then mean and std": (lambda x: standardised(x.flip(1).transpose(2, 3)), (0.0, 1.0)),
    "padded, then mean and std": (lambda x: standardised(F.pad(x, (1, 1, 1, 1)))[..., 1:-1, 1:-1], (0.0, 1.0)),
    "mean and std, then padded": (lambda x: F.pad(standardised(x), (1, 1, 1, 1))[..., 1:-1, 1:-1], (0.0, 1.0)),
    "bytes": (lambda x: x / 255, (0.0, 1 / 255)),
    "bytes, mean and std": (lambda x: standardised(x / 255), (0.0, 1 / 255)),
    "bytes, mean only": (lambda x: x - 120, (0.0, 1 / 255)),
    "batch norm of plain pixels": (batch_norm(0.5), (0.0, 1.0)),
    "batch norm of normalised pixels": (batch_norm(0.01), None),
    "from one normalisation to another": (by_parts, None),
    "its own mean": (lambda x: x - x.mean((1, 2, 3), keepdim=True), None),
    "its own square": (lambda x: x * x, None),
    "nothing that is linear": (lambda x: (x - 0.5).relu(), (0.0, 1.0)),
}


@pytest.mark.parametrize(("front", "expected"), FRONTS.values(), ids=FRONTS)
def test_what_a_network_does_to_its_input_first(front, expected):
    assert normalises(Network(front).eval(), torch.zeros(1, 3, 32, 32, device="cpu")) == expected


def test_a_network_that_fails_says_nothing():
    assert normalises(nn.Linear(3, 2), torch.zeros(1, 3, 32, 32, device="cpu")) is None


def save_exported(module, path):
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 32, 32, device="cpu"),)), path)


FORMATS = {
    "net.onnx": lambda module, path: path.write_bytes(export(module, (3, 32, 32), dynamo=False)),
    "dynamo.onnx": lambda module, path: path.write_bytes(export(module, (3, 32, 32), dynamo=True, verbose=False)),
    "net.pt2": save_exported,
    "net.pt": lambda module, path: torch.jit.trace(module, torch.zeros(1, 3, 32, 32, device="cpu")).save(path),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_files_of_every_format_are_normalised_once(tmp_path, name, normalised):
    torch.manual_seed(0)
    FORMATS[name](Network(standardised if normalised else lambda x: x).eval(), tmp_path / name)
    model = load_model(tmp_path / name, trust=True)
    assert model.mean == ((0.0,) * 3 if normalised else CIFAR)
    assert any("normalises by itself" in text for text in model.assumed) == normalised
    assert load_model(tmp_path / name, trust=True, dataset="cifar10").mean == CIFAR


BUILDER = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(3072, 10)

    def forward(self, x):
        return self.last(((x - 0.5) / 0.25).flatten(1).relu())

def build():
    return Network()
"""


def test_networks_of_a_builder_are_normalised_once(tmp_path):
    (tmp_path / "net.py").write_text(BUILDER)
    torch.save({"last.weight": torch.zeros(10, 3072), "last.bias": torch.zeros(10)}, tmp_path / "net.pth")
    model = load_model(
        tmp_path / "net.pth", architecture=f"{tmp_path}/net.py:build", trust=True, input_shape=(3, 32, 32)
    )
    assert (model.mean, model.std) == ((0.0,) * 3, (1.0,) * 3)


def test_images_with_channels_last_and_bytes_are_scaled_once(tmp_path):
    class Last(Network):
        def forward(self, x):
            return super().forward((x.permute(0, 3, 1, 2) / 255 - 0.5) / 0.25)

    (tmp_path / "net.onnx").write_bytes(export(Last().eval(), (32, 32, 3), dynamo=False))
    model = load_model(tmp_path / "net.onnx")
    assert (model.mean, model.std) == ((0.0,) * 3, (1 / 255,) * 3)
    assert float(model.normalise(torch.full((3, 32, 32), 255, dtype=torch.uint8, device="cpu")).max()) == pytest.approx(
        255
    )
