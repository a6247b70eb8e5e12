"""lrviz inspect, and the options that describe a network."""

import re

import pytest
import torch
from torch import nn

from lrviz.models.architectures import build
from lrviz.models.inspection import default_images
from lrviz.results.diskstore import FOLDER_VARIABLE
from lrviz.results.regions import Regions

TRIPLET = "point:-1:-1 point:1:-1 point:0:1"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)).state_dict(), "toy.pth")
    torch.save(build("cnn5", 1, 10, seed=2).state_dict(), "cnn.pth")
    return tmp_path


@pytest.fixture
def lrviz(lrviz):
    """The same, with texts as one line."""

    def call(command):
        code, out, err = lrviz(command)
        return code, " ".join(out.split()), " ".join(err.split())

    return call


def test_a_report_names_layers_error_outputs_and_costs(lrviz):
    code, out, err = lrviz("inspect cnn.pth")
    assert code == 0
    assert "cnn5 of width 1" in out
    assert "input 3 x 32 x 32" in out
    assert "converted with a relative error of" in out
    assert "rewritten: nothing" in out
    assert "│ 1 │ 1 x 32 x 32 │ 1,024 │ ReLU │" in out
    assert "largest outputs for samples:0:" in out
    assert out.count("a window of half width") == 3
    assert re.search(r"memory beside the network itself: about [\d.]+ [KMG]B, and [\d.]+ KB for every region", out)
    assert "cnn: nothing says otherwise, so these are assumed: the architecture cnn5(width=1, num_classes=10)" in err


def test_a_shipped_model_is_inspected_without_assumptions(lrviz):
    code, out, err = lrviz("inspect cnn5-w1-noise20")
    assert (code, err) == (0, "")
    assert "cnn5-w1-noise20: cnn5 of width 1" in out


def test_what_is_not_supported_is_a_table_and_the_exit_code_is_2(lrviz, folder):
    (folder / "net.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.LayerNorm(4), "
        "nn.Linear(4, 3))\n"
    )
    torch.save(nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 3)).state_dict(), "net.pth")
    code, out, err = lrviz("inspect net.pth --architecture net.py:build --trust")
    assert code == 2
    assert "│ gelu │ 1 │ GELU │" in out
    assert "relu, leaky_relu" in out
    assert "batch_norm" in out
    assert "lrviz: The network is not piecewise linear" in err
    assert "│" not in err
    assert "The network is not piecewise linear" not in out


def test_options_are_remembered_by_every_command(lrviz, folder):
    code, _, err = lrviz(
        f"regions --model toy.pth --images {TRIPLET} --out a.npz --classes red,green,blue --mean 0.5 --std 2"
    )
    assert code == 0
    assert "this is remembered in toy.pth.json" in err
    code, out, err = lrviz("inspect toy.pth")
    assert (code, err) == (0, "")
    assert "input 2, mean 0.5, std 2; 3 outputs" in out
    assert "green" in out
    code, _, err = lrviz(f"estimate --model toy.pth --images {TRIPLET}")
    assert (code, err) == (0, "")
    code, out, _ = lrviz("pieces --model toy.pth --from point:0:0 --to point:1:1 --out p.npz")
    assert code == 0
    (folder / "names.txt").write_text("one\ntwo\n\nthree\n")
    code, _, _ = lrviz(f"figure --model toy.pth --images {TRIPLET} --out a.png --classes names.txt")
    assert code == 0
    assert '"two"' in (folder / "toy.pth.json").read_text()


def test_the_plane_of_two_numbers_is_the_input_space(lrviz, folder):
    lrviz(f"regions --model toy.pth --images {TRIPLET} --window 0.25 -0.5 0.125 --out a.npz")
    regions = Regions.load(folder / "a.npz")
    assert regions.coordinates.min(0).tolist() == [0.125, -0.625]
    u, v = regions.centroid[0]
    state = torch.load("toy.pth", weights_only=True)
    module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    module.load_state_dict(state)
    expected = module(torch.tensor([[u, v]], dtype=torch.float64))[0]
    received = torch.as_tensor(regions.bias[0] + regions.slope[0] @ [u, v])
    torch.testing.assert_close(received, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("cnn5-w1-noise20 --classes a", "models that ship describe themselves"),
        ("toy.pth --input-shape big", "Expected an input shape such as 3,32,32"),
        ("toy.pth --input-shape 3", "tried inputs of the shape 3"),
        ("toy.pth --mean a,b", "Expected numbers such as"),
        ("toy.pth --std 0", "Expected positive standard deviations"),
        ("toy.pth --classes a,b", "as the network has outputs, 3, got 2"),
        ("toy.pth --classes gone.txt", "one name a line"),
        ("toy.pth --dataset svhn", "Expected a data set among cifar10"),
        ("toy.pth --architecture lenet", "Expected an architecture"),
        ("toy.pth --architecture net.py:build", "add --trust"),
        ("toy.pth --images samples:0 samples:1 samples:2", "Expected numbers for a network whose inputs are 2"),
        ("toy.pth --images point:1 point:2:1 point:3:4", "point: and 2 finite numbers"),
        ("toy.pth --images point:1:1 point:2:2 point:3:3", "not on one line"),
        ("gone.onnx", "check the path"),
        ("toy.txt", "Expected the name of a shipped model or a file (.safetensors"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(lrviz, folder, options, message):
    code, _, err = lrviz(f"inspect {options}")
    assert code == 2
    assert message in err
    assert not (folder / "toy.pth.json").exists()


def test_default_triplets_are_not_collinear():
    assert default_images((3, 32, 32)) == ("samples:0", "samples:1", "samples:2")
    assert default_images((784,))[0] == "samples:0"
    assert default_images((4, 6)) == ("noise:0", "noise:1", "noise:2")
    for shape in [(2,), (5,), (2, 3)]:
        numbers = [[float(word) for word in name.removeprefix("point:").split(":")] for name in default_images(shape)]
        sides = torch.tensor(numbers)[1:] - torch.tensor(numbers)[0]
        assert torch.linalg.matrix_rank(sides) == 2
