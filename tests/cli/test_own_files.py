"""Commands that take several networks, or one beside others, describe the user's own as all commands do."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lrviz.models.catalogue import find_card, load_model, models_folder
from lrviz.models.cifar import CIFAR10_CLASSES
from lrviz.results.diskstore import FOLDER_VARIABLE
from tests.tiny import make_dataset, write_archive

BUILDER = """
from torch import nn
def build(hidden=6):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, hidden), nn.ReLU(), nn.Linear(hidden, 10))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.py").write_text(BUILDER)
    torch.manual_seed(0)
    for name in ("a.pth", "b.pth"):
        module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 6), nn.ReLU(), nn.Linear(6, 10))
        torch.save({"state_dict": module.state_dict(), "epoch": 3}, name)
    write_archive(tmp_path / "tiny.npz", {"train": make_dataset(20), "test": make_dataset(10, seed=1)}, "PNG")
    return tmp_path


def test_own_networks_are_measured_with_one_description(lrviz):
    command = "measure --models a.pth --models b.pth --paths closed:samples:0 --segments 1 --out m.csv"
    code, _, err = lrviz(f"{command} --architecture mynet.py:build --trust --input-shape 3,32,32 --dataset cifar10")
    assert code == 0, err
    assert "remembered in" in err
    assert pd.read_csv("m.csv")["model"].tolist() == ["a", "b"]
    assert find_card("b.pth").classes == CIFAR10_CLASSES
    code, _, err = lrviz(f"{command} --trust")
    assert code == 0
    assert "remembered" not in err
    code, _, err = lrviz(command)
    assert code == 2
    assert "--trust" in err


def test_what_is_assumed_of_measured_networks_is_said_and_folders_hold_own_ones(lrviz, folder):
    (folder / "nets").mkdir()
    (folder / "a.pth").rename(folder / "nets" / "a.pth")
    (folder / "nets" / "c.partial.pt").write_bytes(b"unfinished")
    code, _, err = lrviz("measure --models nets --paths triplet:samples:0,1,2 --out m.csv")
    assert code == 0, err
    assert "a: nothing says otherwise" in " ".join(err.split())
    assert pd.read_csv("m.csv")["num_pieces"].sum() > 2


def test_a_network_that_cannot_be_measured_is_left_out_and_named(lrviz, folder):
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(3072, 6), nn.GELU(), nn.Linear(6, 10)).state_dict(), "smooth.pth")
    (folder / "smooth.py").write_text(BUILDER.replace("ReLU", "GELU"))
    assert lrviz("inspect smooth.pth --architecture smooth.py:build --trust --input-shape 3,32,32")[0] == 2
    command = "measure --paths closed:samples:0 --segments 1 --out m.csv --trust"
    own = "--architecture mynet.py:build --input-shape 3,32,32 --dataset cifar10"
    assert lrviz(f"inspect a.pth {own} --trust")[0] == 0
    code, _, err = lrviz(f"{command} --models smooth.pth --models a.pth")
    assert code == 2
    assert "smooth.pth was left out: " in " ".join(err.split())
    assert "gelu" in err
    assert pd.read_csv("m.csv")["model"].tolist() == ["a"]
    Path("m.csv").unlink()
    code, _, err = lrviz(f"{command} --models smooth.pth")
    assert (code, "left out" in err, "gelu" in err, Path("m.csv").exists()) == (2, False, True, False)


def test_damaged_files_of_a_folder_are_left_out_and_named(lrviz, folder):
    (folder / "nets").mkdir()
    for suffix in (".json", ".safetensors"):
        shutil.copy(models_folder() / f"cnn5-w1-noise20{suffix}", folder / "nets")
        shutil.copy(models_folder() / f"cnn5-w2-noise20{suffix}", folder / "nets")
    (folder / "nets" / "cnn5-w2-noise20.json").write_text("{")
    (folder / "nets" / "optimizer.pt").write_bytes(b"no network")
    command = "measure --paths closed:samples:0 --segments 1 --out m.csv"
    code, _, err = lrviz(f"{command} --models nets")
    assert code == 2
    for name in ("cnn5-w2-noise20.safetensors", "optimizer.pt"):
        assert f"{Path('nets', name)} was left out: Expected" in " ".join(err.split())
    assert pd.read_csv("m.csv")["model"].tolist() == ["cnn5-w1-noise20"]
    Path("m.csv").unlink()
    (folder / "nets" / "cnn5-w1-noise20.json").write_text("{")
    code, _, err = lrviz(f"{command} --models nets")
    assert (code, Path("m.csv").exists(), "nothing could be measured" in err) == (2, False, True)
    code, _, err = lrviz(f"{command} --models nets/optimizer.pt")
    assert (code, Path("m.csv").exists(), "left out" in err) == (2, False, False)


def test_an_image_without_a_path_is_left_out_and_named(lrviz, folder):
    plain = make_dataset(3)
    images = plain.images.copy()
    images[1] = 255
    write_archive(folder / "plain.npz", {"test": replace(plain, images=images)}, form="PNG")
    paths = "--paths closed:test:0-2 --paths closed:samples:0"
    code, _, err = lrviz(f"measure --models cnn5-w1-noise20 {paths} --segments 1 --data plain.npz --out m.csv")
    assert code == 2
    assert "1 path of cnn5-w1-noise20 left out: test:1: " in " ".join(err.split())
    assert pd.read_csv("m.csv")["images"].tolist() == ["test:0", "test:2", "samples:0"]


def test_a_network_without_noisy_labels_is_left_out_where_those_are_measured(lrviz, folder):
    quick = "--data tiny.npz --out trained --epochs 1 --precision float32 --device cpu"
    for noise in ("0.2", "0"):
        assert lrviz(f"train cnn5 --width 1 --noise {noise} {quick}")[0] == 0
    files = sorted(Path("trained").glob("*.safetensors"), key=lambda path: "noise" not in path.name)
    models = " ".join(f"--models '{path}'" for path in files)
    paths = "--paths closed:train:noisy:0 --paths closed:samples:0"
    code, _, err = lrviz(f"measure {models} {paths} --segments 1 --data tiny.npz --out m.csv")
    assert code == 2
    assert "left out: Expected train:noisy images of" in " ".join(err.split())
    assert pd.read_csv("m.csv")["image_kind"].tolist() == ["train-noisy", "samples", "samples"]


def test_models_that_ship_are_not_described(lrviz):
    code, _, err = lrviz("measure --models cnn5-w1-noise20 --mean 0.5 --paths closed:samples:0 --out m.csv")
    assert code == 2
    assert "models that ship describe themselves" in " ".join(err.split())


def test_an_own_network_teaches_and_is_pruned(lrviz):
    said = "--architecture mynet.py:build --trust --input-shape 3,32,32 --classes " + ",".join(CIFAR10_CLASSES)
    quick = "--data tiny.npz --out trained --epochs 1 --precision float32 --device cpu"
    code, out, err = lrviz(f"train cnn5 --width 1 --teacher a.pth {said} {quick}")
    assert code == 0, out + err
    assert find_card(next(iter(Path("trained").glob("cnn5*.safetensors")))).teacher == "a"
    code, out, err = lrviz(f"prune b.pth --sparsity 0.5 {said} {quick}")
    assert code == 0, out + err
    pruned = load_model("trained/b-pruned50.safetensors", trust=True)
    assert (pruned.card.pruned_from, pruned.card.sparsity) == ("b", 0.5)
    weights = torch.cat([value.flatten() for value in pruned.module.parameters() if value.dim() == 2])
    assert np.isclose(float((weights == 0).float().mean()), 0.5, atol=1e-3)
    assert pruned.program().num_units == 6


def test_graphs_are_not_pruned(lrviz):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 32, 32, device="cpu"),)), "net.pt2")
    said = "--trust --classes " + ",".join(CIFAR10_CLASSES)
    code, _, err = lrviz(f"prune net.pt2 --sparsity 0.5 {said} --data tiny.npz --out trained --epochs 1")
    assert code == 2
    assert "got one without, as ONNX graphs" in " ".join(err.split())


def test_networks_without_an_architecture_are_not_pruned(lrviz):
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(3072, 6), nn.LeakyReLU(), nn.Linear(6, 10)), "net.pt")
    said = "--classes " + ",".join(CIFAR10_CLASSES)
    code, _, err = lrviz(f"prune net.pt --sparsity 0.5 {said} --data tiny.npz --out trained --epochs 1")
    assert code == 2
    assert "whose architecture has a name" in " ".join(err.split())


@pytest.mark.parametrize(
    ("shape", "paths"),
    [
        ((784,), "closed:samples:0"),
        ((1, 28, 28), "attack:samples:0"),
        ((3072,), "direction:random:0"),
        ((2,), "images:random:0-2"),
    ],
)
def test_networks_of_other_inputs_are_measured_on_what_they_take(lrviz, shape, paths):
    torch.save(nn.Sequential(nn.Linear(int(np.prod(shape)), 8), nn.ReLU(), nn.Linear(8, 3)).state_dict(), "net.pth")
    said = f"--architecture mlp --input-shape {','.join(map(str, shape))}"
    code, _, err = lrviz(f"measure --models net.pth {said} --paths {paths} --out m.csv")
    assert code == 0, err
    assert ("images are resized to 28 x 28, in grey" in " ".join(err.split())) == (28 in shape or 784 in shape)
    assert pd.read_csv("m.csv")["length"][0] > 0
