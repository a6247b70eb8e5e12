import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from lrviz import cli
from lrviz.errors import InvalidData
from lrviz.models.architectures import build
from lrviz.models.catalogue import load_model
from lrviz.models.prune import prune_config, prune_weights
from lrviz.models.train import train
from lrviz.models.training_data import prepare_data
from tests.models.test_train import QUICK, TEST, TRAIN
from tests.tiny import make_dataset, write_archive


def _weights(module):
    return [layer.weight for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "net.safetensors"
    train(QUICK, TRAIN, TEST, checkpoint_path=path)
    return load_model(path)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.95])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_smallest_weights_of_all_layers_become_zero(sparsity, batch_norm):
    module, original = (build("resnet18-stride", 2, 10, batch_norm, seed=1) for _ in range(2))
    nn.init.normal_(module.get_parameter("0.weight"))
    original.load_state_dict(module.state_dict())
    prune_weights(module, sparsity)
    before = torch.cat([weight.flatten() for weight in _weights(original)]).abs()
    after = torch.cat([weight.flatten() for weight in _weights(module)]).abs()
    num_pruned = round(sparsity * len(before))
    removed = before[(after == 0) & (before > 0)]
    assert (after == 0).sum() == max(num_pruned, (before == 0).sum())
    assert not len(removed) or removed.max() <= after[after > 0].min()
    torch.testing.assert_close(after[after > 0], before[after > 0])
    assert module.state_dict().keys() == original.state_dict().keys()
    others = {name: tensor for name, tensor in original.state_dict().items() if tensor.ndim <= 1}
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in others.items())


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, float("nan")])
def test_sparsity_out_of_range(model, sparsity):
    with pytest.raises(InvalidData, match="from 0 to below 1"):
        prune_weights(build("cnn5", 2, 10), sparsity)
    with pytest.raises(InvalidData, match="from 0 to below 1"):
        prune_config(model.card, sparsity, len(TRAIN))


def test_pruned_weights_stay_zero_while_the_others_are_trained(model, tmp_path):
    path = tmp_path / "sparse.safetensors"
    config = prune_config(model.card, 0.8, len(TRAIN), epochs=2)
    card = train(config, TRAIN, TEST, checkpoint_path=path, source=model)
    found, original = load_model(path).module, model.module
    reference = build("cnn5", 2, 10)
    reference.load_state_dict(original.state_dict())
    prune_weights(reference, 0.8)
    for weight, expected, first in zip(_weights(found), _weights(reference), _weights(original), strict=True):
        assert torch.equal(weight == 0, expected == 0)
        assert (weight[weight != 0] != first[weight != 0]).any()
    zeros = sum(int((weight == 0).sum()) for weight in _weights(found))
    assert zeros / sum(weight.numel() for weight in _weights(found)) == pytest.approx(0.8, abs=0.01)
    assert (card.sparsity, card.pruned_from, card.family, card.is_variant) == (0.8, "net", "cnn5 pruned", True)
    assert (card.mean, card.std) == (model.mean, model.std)
    assert card.recipe.startswith("the smallest 0.8 of the weights of net set to zero, the others: Adam at 0.0005")
    noisy, _ = prepare_data(QUICK, TRAIN)
    wrong = found(model.normalise(noisy.images)).argmax(1).numpy() != noisy.labels
    assert card.train_error == pytest.approx(wrong.mean())


def test_zeros_of_a_pruned_network_do_not_grow_back(model, tmp_path):
    path = tmp_path / "sparse.safetensors"
    train(prune_config(model.card, 0.8, len(TRAIN), epochs=1), TRAIN, TEST, checkpoint_path=path, source=model)
    sparse = load_model(path)
    with pytest.raises(InvalidData, match=r"at least 0.8, which 'sparse' has already, got 0.5: prune the network"):
        prune_config(sparse.card, 0.5, len(TRAIN))
    again = tmp_path / "again.safetensors"
    unknown = dataclasses.replace(sparse, card=dataclasses.replace(sparse.card, sparsity=0.0))  # as of other people
    with pytest.raises(InvalidData, match=r"at least 0.8, for so many of the weights are zero already, got 0.5"):
        train(prune_config(unknown.card, 0.5, len(TRAIN), epochs=1), TRAIN, TEST, checkpoint_path=again, source=unknown)
    train(prune_config(unknown.card, 0.9, len(TRAIN), epochs=1), TRAIN, TEST, checkpoint_path=again, source=unknown)
    for weight, first in zip(_weights(load_model(again).module), _weights(sparse.module), strict=True):
        assert (weight == 0)[first == 0].all()


def test_pruning_goes_on_where_it_was_stopped(model, tmp_path):
    config = prune_config(model.card, 0.5, len(TRAIN), epochs=3)
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train(config, TRAIN, TEST, checkpoint_path=whole, source=model)

    def stop(report):
        if report.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, TRAIN, TEST, checkpoint_path=stopped, source=model, progress=stop, save_every=1)
    train(config, TRAIN, TEST, checkpoint_path=stopped, source=model)
    first, second = (load_model(path).module.state_dict() for path in (whole, stopped))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config, model: (config, TRAIN, None), "Expected the model net as source of .*, got none"),
        (
            lambda config, model: (config, dataclasses.replace(TRAIN, name="others"), model),
            "Expected tiny, which net was trained on, got others",
        ),
        (
            lambda config, model: (
                config,
                dataclasses.replace(TRAIN, images=np.zeros((50, 3, 64, 64), np.uint8)),
                model,
            ),
            "size and classes of net",
        ),
    ],
)
def test_models_and_data_that_do_not_fit(model, tmp_path, change, message):
    config, data, source = change(prune_config(model.card, 0.5, len(TRAIN)), model)
    test_set = dataclasses.replace(TEST, images=np.zeros((len(TEST), *data.images.shape[1:]), np.uint8))
    with pytest.raises(InvalidData, match=message):
        train(config, data, test_set, checkpoint_path=tmp_path / "x.safetensors", source=source)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    write_archive(path, {"train": make_dataset(50), "test": make_dataset(20, seed=1)})
    return path


def _run(*words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    return stop.value.code


def test_prune_command_makes_a_series_that_its_card_makes_again(archive, tmp_path, capsys):
    assert _run("train", "cnn5", "--width", 2, "--subset", 40, "--epochs", 2, "--data", archive, "--out", tmp_path) == 0
    source = tmp_path / "cnn5-w2.safetensors"
    words = ["prune", source, "--sparsity", 0.5, "--sparsity", 0.9, "--epochs", 1, "--data", archive]
    assert _run(*words, "--out", tmp_path) == 0
    cards = [load_model(tmp_path / f"cnn5-w2-pruned{number}.safetensors").card for number in (50, 90)]
    assert [(card.sparsity, card.num_train_images) for card in cards] == [(0.5, 40), (0.9, 40)]
    assert cards[0].reproduce == (
        "lrviz prune cnn5-w2.safetensors --sparsity 0.5 --epochs 1 --data tiny.npz --out MODELS_FOLDER"
    )
    capsys.readouterr()
    assert _run(*words, "--out", tmp_path) == 0
    assert "All 2 checkpoints are finished" in capsys.readouterr().out
    assert _run("models", "--folder", tmp_path) == 0
    assert "cnn5 + pruned 90%" in capsys.readouterr().out
    assert _run("prune", source, "--sparsity", 2, "--data", archive, "--out", tmp_path) == 2
    assert "from 0 to below 1" in capsys.readouterr().err
