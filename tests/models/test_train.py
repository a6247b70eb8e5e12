import dataclasses
import pickle
import shlex

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR100

from lrviz import cli
from lrviz.cli.terminal import INTERRUPTED
from lrviz.errors import InvalidCheckpoint, InvalidData, InvalidDevice, TrainingDiverged
from lrviz.models import train as train_module
from lrviz.models.card import Card
from lrviz.models.catalogue import load_model
from lrviz.models.datasets import SPLITS, Dataset
from lrviz.models.recipes import TrainConfig, default_config, describe
from lrviz.models.train import evaluate, partial_path, train
from lrviz.models.training_data import prepare_data
from lrviz.views.selection import PathsSpec, find_paths
from tests.interrupts import interrupt_after
from tests.tiny import CIFAR100_CLASSES, make_dataset, write_archive, write_class_folders, write_torchvision

TRAIN, TEST = make_dataset(50), make_dataset(20, seed=1)
QUICK = TrainConfig(family="cnn5", width=2, epochs=8, decay_epochs=3, batch_size=16, warmup_steps=4, label_noise=0.2)


class _Stop(Exception):
    """Stands for a kill."""


def _stop_after(epoch):
    def progress(report):
        if report.epoch == epoch:
            raise _Stop

    return progress


def _weights(path):
    return load_model(path).module.state_dict()


def _assert_same_weights(first, second):
    first, second = _weights(first), _weights(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


SGD = {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 5e-4, "warmup_steps": None, "precision": "float32"}


CYCLES = {**SGD, "cycles": 2, "loss_target": 0.0, "epochs": 4}


@pytest.mark.parametrize("changes", [{}, {"augment": True}, {"batch_norm": True, "subset": 30, "seed": 3}, SGD, CYCLES])
def test_resumed_training_equals_an_uninterrupted_one(tmp_path, changes):
    config = dataclasses.replace(QUICK, **changes)
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    expected = train(config, TRAIN, TEST, checkpoint_path=whole)
    with pytest.raises(_Stop):
        train(config, TRAIN, TEST, checkpoint_path=stopped, progress=_stop_after(5), save_every=2)
    assert partial_path(stopped).exists()
    assert not stopped.exists()
    epochs = []
    card = train(config, TRAIN, TEST, checkpoint_path=stopped, progress=lambda report: epochs.append(report.epoch))
    assert epochs == [5, 6, 7, 8]
    _assert_same_weights(whole, stopped)
    assert card == dataclasses.replace(expected, name="stopped", date=card.date)
    assert sorted(path.name for path in tmp_path.glob("stopped*")) == ["stopped.json", "stopped.safetensors"]


def test_early_fall_survives_a_stop(tmp_path):
    config = dataclasses.replace(QUICK, loss_target=100.0, epochs=20)
    path = tmp_path / "early.safetensors"
    with pytest.raises(_Stop):
        train(config, TRAIN, TEST, checkpoint_path=path, progress=_stop_after(2), save_every=1)
    assert train(config, TRAIN, TEST, checkpoint_path=path).epochs == 1 + config.decay_epochs


def test_training_learns_easy_images_and_its_card_tells_the_truth(tmp_path):
    path = tmp_path / "easy.safetensors"
    config = TrainConfig(family="cnn5", width=4, epochs=60, decay_epochs=10, batch_size=16, learning_rate=5e-3)
    losses = []
    data = make_dataset(40, classes=("dark", "light"))
    test = make_dataset(20, seed=1, classes=("dark", "light"))
    card = train(config, data, test, checkpoint_path=path, progress=lambda report: losses.append(report.loss))
    assert losses[-1] < 0.1 * losses[0]
    assert card.train_error == card.test_error == 0
    assert card == Card.from_json(path.with_suffix(".json").read_text(), "card")
    model = load_model(path)
    wrong = model.module(model.normalise(test.images)).argmax(1).numpy() != test.labels
    assert wrong.mean() == card.test_error


def test_train_error_counts_the_noisy_labels(tmp_path):
    config = dataclasses.replace(QUICK, label_noise=1.0, epochs=1, decay_epochs=0)
    path = tmp_path / "noisy.safetensors"
    card = train(config, TRAIN, TEST, checkpoint_path=path)
    noisy, moved = prepare_data(config, TRAIN)
    model = load_model(path)
    predicted = model.module(model.normalise(noisy.images)).argmax(1).numpy()
    assert moved.all()
    assert card.train_error == pytest.approx((predicted != noisy.labels).mean())
    assert card.label_noise == 1.0


def test_subset_and_noise_of_a_configuration():
    config = dataclasses.replace(QUICK, subset=30)
    data, moved = prepare_data(config, TRAIN)
    assert (len(data), moved.sum()) == (30, 6)
    again, _ = prepare_data(dataclasses.replace(config, width=9), TRAIN)
    np.testing.assert_array_equal(data.images, again.images)
    np.testing.assert_array_equal(data.labels, again.labels)


def test_normalisation_does_not_depend_on_the_subset(tmp_path):
    short = dataclasses.replace(QUICK, epochs=1, decay_epochs=0)
    cards = [
        train(dataclasses.replace(short, **changes), TRAIN, TEST, checkpoint_path=tmp_path / f"{index}.safetensors")
        for index, changes in enumerate(({}, {"subset": 20}, {"subset": 20, "seed": 1}))
    ]
    assert len({(card.mean, card.std) for card in cards}) == 1
    assert [card.num_train_images for card in cards] == [50, 20, 20]


def test_snapshots_are_checkpoints_of_their_epoch(tmp_path):
    path = tmp_path / "net.safetensors"
    train(dataclasses.replace(QUICK, snapshots=(1, 4, 8)), TRAIN, TEST, checkpoint_path=path)
    snapshots = [load_model(tmp_path / f"net-epoch{epoch}.safetensors").card for epoch in (1, 4)]
    assert [(card.epochs, card.is_snapshot) for card in snapshots] == [(1, True), (4, True)]
    assert not (tmp_path / "net-epoch8.safetensors").exists()
    assert (_weights(tmp_path / "net-epoch1.safetensors")["0.weight"] != _weights(path)["0.weight"]).any()


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps({"config": 1})])
def test_damaged_state(tmp_path, content):
    path = tmp_path / "net.safetensors"
    partial_path(path).write_bytes(content)
    with pytest.raises(InvalidCheckpoint, match="delete it to start again"):
        train(QUICK, TRAIN, TEST, checkpoint_path=path)


class _Intruder:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return __import__("os").mkdir, (self.target,)


def test_forged_state_is_not_unpickled(tmp_path):
    path = tmp_path / "net.safetensors"
    torch.save({"config": _Intruder(tmp_path / "intruded")}, partial_path(path))
    with pytest.raises(InvalidCheckpoint):
        train(QUICK, TRAIN, TEST, checkpoint_path=path)
    assert not (tmp_path / "intruded").exists()


def test_state_of_another_recipe_or_data(tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(_Stop):
        train(QUICK, TRAIN, TEST, checkpoint_path=path, progress=_stop_after(2), save_every=1)
    with pytest.raises(InvalidCheckpoint, match="that of another"):
        train(dataclasses.replace(QUICK, learning_rate=0.5), TRAIN, TEST, checkpoint_path=path)
    with pytest.raises(InvalidCheckpoint, match="that of another"):
        train(QUICK, make_dataset(60), TEST, checkpoint_path=path)
    with pytest.raises(InvalidCheckpoint, match="that of another"):
        train(QUICK, make_dataset(50, seed=7), TEST, checkpoint_path=path)


def test_training_that_cannot_go_on(tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        train(dataclasses.replace(QUICK, learning_rate=1e30), TRAIN, TEST, checkpoint_path=path)
    with pytest.raises(InvalidDevice, match="'abacus'"):
        train(QUICK, TRAIN, TEST, checkpoint_path=path, device="abacus")
    with pytest.raises(InvalidData, match="same classes"):
        train(QUICK, TRAIN, make_dataset(20, classes=("a", "b")), checkpoint_path=path)
    assert not path.exists()


def test_weights_that_the_last_step_broke_are_not_kept(tmp_path, monkeypatch):
    """The loss that is looked at is that before the step."""

    def break_weights(report):
        if report.epoch == report.epochs:
            for weight in broken:
                weight.data.fill_(float("nan"))

    broken = []
    start = train_module._start_module

    def remember(*content):
        module = start(*content)
        broken.extend(module.parameters())
        return module

    monkeypatch.setattr(train_module, "_start_module", remember)
    with pytest.raises(TrainingDiverged, match="finite weights after epoch 8"):
        train(QUICK, TRAIN, TEST, checkpoint_path=tmp_path / "net.safetensors", progress=break_weights)
    assert not (tmp_path / "net.safetensors").exists()


def test_evaluation_goes_over_all_images_in_batches():
    data = make_dataset(1201)
    wrong = evaluate(torch.nn.Sequential(torch.nn.Flatten(), _FirstClass()), data, (0.0,) * 3, (1.0,) * 3, device="cpu")
    assert wrong == pytest.approx((data.labels != 0).mean())


class _FirstClass(torch.nn.Module):
    """Says class 0 for every image."""

    def forward(self, x):
        return torch.nn.functional.one_hot(torch.zeros(len(x), dtype=torch.int64, device=x.device), 10)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (default_config("cnn5", 8, label_noise=0.2), "cnn5-w8-noise20"),
        (default_config("cnn5", 8, label_noise=0.2, seed=1), "cnn5-w8-noise20-seed1"),
        (default_config("vgg8", 1), "vgg8"),
        (default_config("vgg8", 2), "vgg8-w2"),
        (default_config("resnet18", 4, batch_norm=True, label_noise=0.125), "resnet18-w4-bn-noise12.5"),
        (default_config("resnet18-stride", 16, batch_norm=True, optimizer="sgd"), "resnet18-stride-w16-bn"),
    ],
)
def test_names(config, name):
    assert config.name == name


def test_recipes_of_the_families():
    cnn5, vgg11 = default_config("cnn5", 1), default_config("vgg11", 1)
    assert (cnn5.learning_rate, cnn5.warmup_steps, cnn5.batch_size) == (2e-3, 50, 64)
    assert (cnn5.epochs, cnn5.decay_epochs, cnn5.loss_target) == (200, 15, 0.03)
    assert (vgg11.learning_rate, default_config("resnet34", 1).learning_rate) == (1e-3, 2e-3)
    assert default_config("vgg8", 1).augment
    assert default_config("cnn5", 1, epochs=4).decay_epochs == 4
    assert "until epoch 185 or the mean loss of an epoch is below 0.03, then 15 epochs linearly to 0" in describe(cnn5)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.0},
        {"batch_size": 0},
        {"epochs": 0},
        {"seed": -1},
        {"seed": 2**32},
        {"decay_epochs": 9},
        {"warmup_steps": -1},
        {"optimizer": "lbfgs"},
        {"precision": "int8"},
        {"momentum": 1.0},
        {"weight_decay": -1e-4},
        {"cycles": 0},
        {"cycles": 2},
        {"learning_rate": float("inf")},
        {"loss_target": float("nan")},
        {"temperature": float("inf")},
        {"sparsity": 0.9999999},
        {"snapshots": (9,)},
        {"snapshots": (0,)},
    ],
)
def test_recipe_out_of_range(changes):
    with pytest.raises(InvalidData, match="Expected"):
        dataclasses.replace(QUICK, **changes)


def test_recipe_of_stochastic_gradient_descent():
    config = default_config("resnet18-stride", 16, batch_norm=True, optimizer="sgd", epochs=16)
    assert (config.learning_rate, config.momentum, config.weight_decay, config.batch_size) == (0.1, 0.9, 5e-4, 128)
    assert (config.augment, config.decay_epochs, config.warmup_steps, config.loss_target) == (True, 12, None, 0)
    text = describe(dataclasses.replace(config, precision="float32"))
    assert text.startswith("SGD with Nesterov momentum 0.9 at 0.1, weight decay 0.0005, batch 128, linearly up until ")
    assert "until epoch 4, then 12 epochs linearly to 0; random crops and flips; float32 while training" in text


class _Optimizer(torch.optim.SGD):
    """Notes the rates, decays and numbers of dimensions that it is used with."""

    steps: list

    def step(self, *arguments):
        self.steps.append(self.param_groups[0]["lr"])
        dimensions = [{parameter.ndim for parameter in group["params"]} for group in self.param_groups]
        assert [max(dimensions[0]), max(dimensions[1])] == [4, 1]
        assert min(dimensions[0]) == 2
        assert [group["weight_decay"] for group in self.param_groups] == [5e-4, 0]
        return super().step(*arguments)


def test_one_cycle_goes_up_and_down_and_decays_weights_only(tmp_path, monkeypatch):
    _Optimizer.steps = []
    monkeypatch.setattr(torch.optim, "SGD", _Optimizer)
    config = dataclasses.replace(QUICK, **SGD, batch_norm=True)
    train(config, TRAIN, TEST, checkpoint_path=tmp_path / "net.safetensors")
    rates = _Optimizer.steps
    assert len(rates) == 8 * 4
    assert max(rates) == pytest.approx(0.05)
    assert rates.index(max(rates)) == 5 * 4 - 1
    assert np.allclose(np.diff(rates[: 5 * 4]), 0.05 / 20)
    assert np.allclose(np.diff(rates[5 * 4 :]), -0.05 / 12)


def test_cycles_go_on_from_the_network_of_one_and_repeat_its_rates(tmp_path, monkeypatch):
    _Optimizer.steps = []
    monkeypatch.setattr(torch.optim, "SGD", _Optimizer)
    config = dataclasses.replace(QUICK, **CYCLES)
    card = train(config, TRAIN, TEST, checkpoint_path=tmp_path / "two.safetensors")
    rates = _Optimizer.steps
    assert (card.epochs, len(rates)) == (8, 8 * 4)
    assert rates[: 4 * 4] == rates[4 * 4 :]
    assert card.recipe.count("linearly to 0, 2 times; ") == 1
    snapshot = dataclasses.replace(config, snapshots=(4,))
    train(snapshot, TRAIN, TEST, checkpoint_path=tmp_path / "again.safetensors")
    train(dataclasses.replace(config, cycles=1), TRAIN, TEST, checkpoint_path=tmp_path / "one.safetensors")
    states = [load_model(tmp_path / f"{name}.safetensors").module.state_dict() for name in ("again-epoch4", "one")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_networks_for_larger_images_and_other_classes(tmp_path):
    path = tmp_path / "large.safetensors"
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 64, 64), dtype=np.uint8)
    data = Dataset(name="fruit", images=images, labels=np.arange(12) % 3, classes=("apple", "pear", "plum"))
    card = train(dataclasses.replace(QUICK, epochs=1, decay_epochs=0), data, data, checkpoint_path=path)
    model = load_model(path)
    assert (card.image_size, model.input_shape, len(model.classes)) == (64, (3, 64, 64), 3)
    wrong = model.module(model.normalise(images)).argmax(1).numpy() != data.labels
    assert wrong.mean() == pytest.approx(card.test_error)


@pytest.mark.parametrize("size", [(40, 40), (64, 32)])
def test_images_that_no_family_takes(tmp_path, size):
    images = np.zeros((4, 3, *size), np.uint8)
    data = Dataset(name="fruit", images=images, labels=np.arange(4) % 2, classes=("apple", "pear"))
    with pytest.raises(InvalidData, match=r"a multiple of 32 pixels.*resize them"):
        train(QUICK, data, data, checkpoint_path=tmp_path / "net.safetensors")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    write_archive(path, {"train": TRAIN, "test": TEST})
    return path


def _run(words):
    with pytest.raises(SystemExit) as stop:
        cli.main(shlex.split(words))
    return stop.value.code


def test_train_command_trains_several_and_skips_what_is_finished(archive, tmp_path, capsys):
    words = f"train cnn5 --width 1 --width 2 --noise 0.1 --subset 30 --epochs 2 --data '{archive}' --out '{tmp_path}'"
    assert _run(words) == 0
    capsys.readouterr()
    cards = [load_model(tmp_path / f"cnn5-w{width}-noise10.safetensors").card for width in (1, 2)]
    assert [card.num_train_images for card in cards] == [30, 30]
    assert cards[0].reproduce == (
        "lrviz train cnn5 --width 1 --seed 0 --noise 0.1 --subset 30 --epochs 2 --data tiny.npz --out MODELS_FOLDER"
    )
    assert _run(words) == 0
    assert "All 2 checkpoints are finished" in capsys.readouterr().out
    assert _run(words.replace("--subset 30", "--subset 40")) == 2
    assert "got that of 'lrviz train cnn5 --width 1" in capsys.readouterr().err
    before = (tmp_path / "cnn5-w1-noise10.json").stat().st_mtime_ns
    assert _run(words + " --force") == 0
    assert (tmp_path / "cnn5-w1-noise10.json").stat().st_mtime_ns > before


@pytest.mark.parametrize(("last", "words"), [(3, "starts from the beginning"), (6, "goes on from the state in ")])
def test_an_interrupted_training_says_how_it_goes_on(archive, tmp_path, capsys, monkeypatch, last, words):
    command = f"train cnn5 --width 1 --subset 30 --epochs 7 --data '{archive}' --out '{tmp_path}'"
    with monkeypatch.context() as patch:
        interrupt_after(last, patch)
        assert _run(command) == INTERRUPTED
    assert f"lrviz: stopped; the same command {words}" in capsys.readouterr().err
    assert _run(command) == 0
    assert load_model(tmp_path / "cnn5-w1.safetensors").card.epochs == 7


def test_cifar100_in_torchvisions_layout_is_trained_and_followed_to_its_images(tmp_path, monkeypatch):
    splits = {split: make_dataset(200, seed=seed, classes=CIFAR100_CLASSES) for seed, split in enumerate(SPLITS)}
    write_torchvision(tmp_path / "data", CIFAR100, splits, monkeypatch)
    options = "--width 2 --subset 150 --noise 0.2 --epochs 1"
    assert _run(f"train cnn5 {options} --dataset cifar100 --data '{tmp_path / 'data'}' --out '{tmp_path}'") == 0
    path = tmp_path / "cnn5-w2-noise20-cifar100.safetensors"
    model = load_model(path)
    assert (model.card.data, model.classes, model.card.num_train_images) == ("CIFAR-100", CIFAR100_CLASSES, 150)
    assert "--dataset cifar100 --data DATA_FOLDER" in model.card.reproduce
    wrong = model.module(model.normalise(splits["test"].images)).argmax(1).numpy() != splits["test"].labels
    assert model.card.test_error == pytest.approx(wrong.mean())
    (test,) = find_paths(PathsSpec.parse("images:test:7,3"), model.card, tmp_path / "data")
    np.testing.assert_array_equal(test.path.points, splits["test"].images[[7, 3]])
    (noisy,) = find_paths(PathsSpec.parse("images:train:noisy:0-29"), model.card, tmp_path / "data")
    assert len(noisy.path.points) == 30


def test_reproduced_command_gives_the_same_network(archive, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert _run(f"train vgg8 --subset 20 --epochs 1 --lr 0.001 --no-augment --data '{archive}' --out '{first}'") == 0
    command = load_model(first / "vgg8.safetensors").card.reproduce.removeprefix("lrviz ")
    command = command.replace("tiny.npz", f"'{archive}'").replace("MODELS_FOLDER", f"'{second}'")
    assert _run(command) == 0
    _assert_same_weights(first / "vgg8.safetensors", second / "vgg8.safetensors")


def test_reproduced_command_of_stochastic_gradient_descent(tmp_path):
    fruit = {split: make_dataset(20, seed=seed, classes=("apple", "pear")) for seed, split in enumerate(SPLITS)}
    write_class_folders(tmp_path / "fruit", fruit)
    first, second = tmp_path / "first", tmp_path / "second"
    options = "--optimizer sgd --batch-norm --epochs 4 --momentum 0.8 --weight-decay 0 --precision float32"
    assert _run(f"train resnet18-stride {options} --data '{tmp_path / 'fruit'}' --out '{first}'") == 0
    name = "resnet18-stride-w1-bn-fruit.safetensors"
    card = load_model(first / name).card
    assert (card.data, card.classes) == ("fruit (lossless PNG)", ("apple", "pear"))
    command = card.reproduce.removeprefix("lrviz ").replace("DATA_FOLDER", f"'{tmp_path / 'fruit'}'")
    assert "--dataset" not in command
    assert _run(command.replace("MODELS_FOLDER", f"'{second}'")) == 0
    _assert_same_weights(first / name, second / name)


def test_half_stores_rounded_weights_that_the_card_is_about(archive, tmp_path):
    options = f"--subset 30 --epochs 2 --data '{archive}'"
    assert _run(f"train cnn5 --width 16 {options} --out '{tmp_path / 'full'}'") == 0
    assert _run(f"train cnn5 --width 16 --half {options} --out '{tmp_path / 'half'}'") == 0
    full, half = (tmp_path / name / "cnn5-w16.safetensors" for name in ("full", "half"))
    assert half.stat().st_size < 0.6 * full.stat().st_size
    rounded = {name: tensor.half().float() for name, tensor in load_model(full).module.state_dict().items()}
    model = load_model(half)
    assert all(torch.equal(tensor, rounded[name]) for name, tensor in model.module.state_dict().items())
    wrong = model.module(model.normalise(TEST.images)).argmax(1).numpy() != TEST.labels
    assert model.card.test_error == pytest.approx(wrong.mean())
    assert "--half" in model.card.reproduce
    assert "rounded to float16" in model.card.recipe
    assert "rounded" not in load_model(full).card.recipe


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("cnn5 --data nowhere", "got no such folder"),
        ("cnn5 --data nowhere.npz", "check the path"),
        ("lenet --data {archive}", "got 'lenet'"),
        ("cnn5 --width 0 --data {archive}", "width of at least 1, got 0"),
        ("cnn5 --subset 51 --data {archive}", "1 to 50 images"),
        ("cnn5 --noise 2 --data {archive}", "from 0 to 1"),
        ("cnn5 --data {archive} --dataset cifar100", "or ask for cifar10"),
        ("cnn5 --device abacus --data {archive}", "'abacus'"),
    ],
)
def test_train_command_ends_with_a_sentence(archive, tmp_path, capsys, options, message):
    assert _run(f"train {options.format(archive=archive)} --out '{tmp_path / 'out'}'") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("lrviz: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_file_in_the_place_of_the_folder_is_told(archive, tmp_path, capsys):
    (tmp_path / "out").touch()
    assert _run(f"train cnn5 --width 1 --data '{archive}' --out '{tmp_path / 'out'}'") == 2
    assert "Expected a folder for the checkpoints" in capsys.readouterr().err


def test_another_data_set_than_the_command_names_is_refused(tmp_path, capsys):
    three = make_dataset(30, classes=("a", "b", "c"))
    write_archive(tmp_path / "three.npz", {"train": three, "test": three})
    words = f"train cnn5 --width 1 --epochs 1 --data '{tmp_path / 'three.npz'}' --out '{tmp_path / 'out'}'"
    assert _run(f"{words} --dataset cifar10") == 2
    assert "of 3 classes: name the place" in capsys.readouterr().err
