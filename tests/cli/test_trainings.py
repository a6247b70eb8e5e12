"""Trainings that were finished, stopped or made from something else are told apart, and nothing of others is lost."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lrviz.cli.terminal import INTERRUPTED
from lrviz.models.catalogue import load_model
from tests.interrupts import interrupt_after
from tests.tiny import make_dataset, write_archive, write_class_folders

QUICK = "--precision float32 --device cpu --batch-size 16"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("tiny", 0), ("other", 5)):
        images = {"train": make_dataset(20, seed=seed), "test": make_dataset(10, seed=1)}
        (tmp_path / name).mkdir()
        write_archive(tmp_path / name / "pets.npz", images, "PNG")
    return tmp_path


def test_a_training_that_was_forced_and_stopped_goes_on_without_force(lrviz, folder, monkeypatch):
    command = f"train cnn5 --width 1 --epochs 7 --loss-target 0 --data tiny/pets.npz --out out {QUICK}"
    assert lrviz(command)[0] == 0
    with monkeypatch.context() as patch:
        interrupt_after(6, patch)
        code, _, err = lrviz(f"{command} --force")
    assert code == INTERRUPTED
    assert "the same command without --force goes on from the state in" in " ".join(err.split())
    code, out, _ = lrviz(command)
    assert code == 0 and "7 epochs" in out, "not finished, though an older checkpoint is there"
    assert "The checkpoint is finished" in lrviz(command)[1]


def test_other_images_of_the_same_name_are_another_training(lrviz, folder):
    command = f"train cnn5 --width 1 --epochs 1 --out out {QUICK}"
    assert lrviz(f"{command} --data tiny/pets.npz")[0] == 0
    code, _, err = lrviz(f"{command} --data other/pets.npz")
    assert (code, "with other images" in " ".join(err.split())) == (2, True)
    measure = "measure --models out --paths closed:train:clean:0 --segments 1 --out m.csv"
    assert lrviz(f"{measure} --data tiny/pets.npz")[0] == 0
    code, _, err = lrviz(f"{measure} --data other/pets.npz")
    assert (code, "got others: the data set was changed since" in " ".join(err.split())) == (2, True)
    code, _, err = lrviz(f"prune out/cnn5-w1.safetensors --sparsity 0.5 --data other/pets.npz --out out {QUICK}")
    assert (code, "got others: the data set was changed since" in " ".join(err.split())) == (2, True)


def test_networks_of_the_same_name_are_pruned_apart(lrviz, folder):
    for seed in (1, 2):
        command = f"train cnn5 --width 1 --epochs 1 --data tiny/pets.npz --out p{seed} --lr 0.00{seed} {QUICK}"
        assert lrviz(command)[0] == 0
    prune = f"--sparsity 0.5 --epochs 1 --data tiny/pets.npz --out out {QUICK}"
    assert lrviz(f"prune p1/cnn5-w1.safetensors {prune}")[0] == 0
    assert "The checkpoint is finished" in lrviz(f"prune p1/cnn5-w1.safetensors {prune}")[1]
    code, _, err = lrviz(f"prune p2/cnn5-w1.safetensors {prune}")
    assert (code, "from other networks" in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_files_of_others_are_not_overwritten(lrviz, folder, suffix):
    (folder / "out").mkdir()
    (folder / "out" / f"cnn5-w1{suffix}").write_text('{"mine": 1}')
    command = f"train cnn5 --width 1 --epochs 1 --data tiny/pets.npz --out out {QUICK}"
    code, _, err = lrviz(command)
    assert (code, "got something else: choose another folder" in " ".join(err.split())) == (2, True)
    assert (folder / "out" / f"cnn5-w1{suffix}").read_text() == '{"mine": 1}'
    assert lrviz(f"{command} --force")[0] == 0


def test_snapshots_of_the_training_before_do_not_stay(lrviz, folder):
    command = f"train cnn5 --width 1 --epochs 4 --data tiny/pets.npz --out out {QUICK} --loss-target 0"
    assert lrviz(f"{command} --snapshot 1 --snapshot 2")[0] == 0
    (folder / "out" / "cnn5-w1-epoch9.json").write_text("{}")
    assert lrviz(f"{command} --snapshot 2 --lr 0.01 --force")[0] == 0
    names = sorted(path.name for path in (folder / "out").glob("*.json"))
    assert names == ["cnn5-w1-epoch2.json", "cnn5-w1-epoch9.json", "cnn5-w1.json"]


def test_a_width_that_is_named_twice_is_trained_once(lrviz, folder):
    out = lrviz(f"train cnn5 --width 1 --width 1 --epochs 1 --data tiny/pets.npz --out out {QUICK}")[1]
    assert out.count("test error") == 1


def test_a_folder_that_cannot_be_written_is_told_before_the_training(lrviz, folder):
    code, _, err = lrviz(f"train cnn5 --width 1 --epochs 9 --data tiny/pets.npz --out /proc {QUICK}")
    assert (code, "Expected a folder for the checkpoints that can be written" in " ".join(err.split())) == (2, True)


def test_too_few_images_are_told_before_anything_is_made(lrviz, folder):
    code, out, err = lrviz(f"train cnn5 --subset 100000 --data tiny/pets.npz --out nets {QUICK}")
    assert (code, out) == (2, "") and "100" in err
    assert not (folder / "nets").exists()


def test_the_result_alone_goes_to_the_output(lrviz, folder):
    code, out, _ = lrviz(f"train cnn5 --width 1 --epochs 1 --data tiny/pets.npz --out out {QUICK}")
    assert code == 0
    assert out.startswith("out/cnn5-w1.safetensors: train error") and out.endswith(", 1 epoch\n")


def test_what_nobody_knows_of_a_network_is_null_or_a_dash(lrviz, folder):
    (folder / "nets").mkdir()
    save_file(nn.Linear(6, 3).state_dict(), "nets/mine.safetensors")
    assert lrviz("inspect nets/mine.safetensors --input-shape 6")[0] == 0

    def refuse(word):
        raise AssertionError(word)

    (card,) = json.loads(lrviz("models --folder nets --json")[1], parse_constant=refuse)
    assert (card["name"], card["test_error"]) == ("mine", None)
    out = lrviz("models --folder nets")[1]
    assert "nan" not in out and out.count("–") == 5


def test_the_data_set_that_is_named_is_known_by_its_images(lrviz, folder):
    pets = make_dataset(6, classes=("cat", "dog"))
    write_class_folders(folder / "cifar10", {"train": pets, "test": pets})
    code, _, err = lrviz(f"train cnn5 --width 1 --epochs 1 --data cifar10 --dataset cifar10 --out out {QUICK}")
    assert (code, "of 2 classes: name the place" in " ".join(err.split())) == (2, True)


BUILDERS = """
import torch
from torch import nn
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3072, 6), nn.Linear(6, 6)
        self.c, self.d = self.b, nn.Linear(6, 10)
    def forward(self, x):
        return self.d(self.c(self.b(self.a(x.flatten(1)).relu()).relu()).relu())
def tied():
    return Tied()
def double():
    return Tied().double()
def frozen():
    return Tied().requires_grad_(False)
class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 32), nn.BatchNorm2d(4), nn.Linear(4, 10)
    def forward(self, x):
        return self.c(self.b(self.a(x)).relu().flatten(1))
def normed():
    return Normed()
"""


@pytest.mark.parametrize("builder", ["tied", "double", "frozen", "normed"])
def test_networks_of_all_kinds_are_pruned_and_teach(lrviz, folder, builder):
    (folder / "mynet.py").write_text(BUILDERS)
    space = {}
    exec(BUILDERS, space)
    torch.save(space[builder]().state_dict(), "net.pth")
    own = f"--architecture mynet.py:{builder} --trust --input-shape 3,32,32"
    names = "--classes " + ",".join(make_dataset(1).classes)
    quick = QUICK.replace("16", "19")  # leaves one image for the last step
    code, _, err = lrviz(
        f"prune net.pth --sparsity 0.5 --epochs 1 --data tiny/pets.npz --out out {quick} {own} {names}"
    )
    assert code == 0, err
    code, _, err = lrviz(
        f"train cnn5 --width 1 --epochs 1 --teacher net.pth --data tiny/pets.npz --out t {quick} --trust"
    )
    assert code == 0, err


def test_a_teacher_that_takes_one_image_only_is_refused(lrviz, folder):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 32, 32),)), "one.pt2")
    names = "--classes " + ",".join(make_dataset(1).classes)
    command = f"train cnn5 --width 1 --epochs 1 --teacher one.pt2 --trust {names} --data tiny/pets.npz --out t {QUICK}"
    code, _, err = lrviz(command)
    assert code == 2
    assert "batch" in err or "several images at once" in err


def test_what_one_network_does_not_have_ends_no_survey(lrviz, folder):
    assert lrviz(f"train cnn5 --width 1 --noise 0.2 --epochs 1 --data tiny/pets.npz --out nets {QUICK}")[0] == 0
    foreign = nn.Sequential(nn.Flatten(), nn.Linear(3072, 6), nn.ReLU(), nn.Linear(6, 10))
    torch.save(foreign, "nets/foreign.pt")
    (folder / "nets" / "shards.pt").mkdir()
    (folder / "nets" / "._foreign.pt").write_bytes(b"of the system")
    paths = "--paths closed:train:clean:0-1 --paths closed:test:0-1 --paths closed:test:50"
    code, _, err = lrviz(f"measure --models nets {paths} --segments 1 --data tiny/pets.npz --out m.csv")
    said = " ".join(err.split())
    assert code == 2
    assert "shards" not in said and "._foreign" not in said
    assert "foreign.pt left out: Expected a model whose card says which images it was trained on" in said
    assert "test images from 0 to 9" in said or "positions from 0 to 9" in said
    table = np.genfromtxt("m.csv", delimiter=",", dtype=str, usecols=(0, 14), skip_header=1)
    assert {tuple(row) for row in table} == {
        ("cnn5-w1-noise20", "train-clean"), ("cnn5-w1-noise20", "test"), ("foreign", "test")
    }  # fmt: skip


def test_a_network_is_measured_once_however_it_is_named(lrviz, folder):
    assert lrviz(f"train cnn5 --width 1 --epochs 1 --data tiny/pets.npz --out nets {QUICK}")[0] == 0
    models = f"--models nets --models {folder / 'nets'} --models nets/cnn5-w1.safetensors"
    code, out, _ = lrviz(f"measure {models} --paths closed:samples:0 --segments 1 --out m.csv")
    assert (code, "1 path of 1 model" in out) == (0, True)


def test_names_of_models_are_printed_as_they_are(lrviz, folder):
    assert lrviz(f"train cnn5 --width 1 --epochs 1 --data tiny/pets.npz --out nets {QUICK}")[0] == 0
    card = json.loads((folder / "nets" / "cnn5-w1.json").read_text())
    (folder / "nets" / "cnn5-w1.json").write_text(json.dumps(card | {"name": "x[/y]", "data": "pets[v2]"}))
    code, out, _ = lrviz("models --folder nets")
    assert code == 0
    assert "x[/y]" in out and "pets[v2]" in out


def test_a_channel_without_contrast_is_trained_on(lrviz, folder):
    blue = make_dataset(20)
    images = blue.images.copy()
    images[:, 2] = 0
    np.savez("two.npz", **{f"{split}_images": images for split in ("train", "test")},
             **{f"{split}_labels": blue.labels for split in ("train", "test")})  # fmt: skip
    assert lrviz(f"train cnn5 --width 1 --epochs 1 --data two.npz --out out {QUICK}")[0] == 0
    assert load_model("out/cnn5-w1-two.safetensors").std[2] == 1.0
