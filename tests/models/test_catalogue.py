"""Cards, checkpoints, and the list of models, damaged ones too."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrviz import cli
from lrviz.errors import InvalidCheckpoint, UnknownModel
from lrviz.models.architectures import FAMILIES, build
from lrviz.models.card import Card
from lrviz.models.catalogue import list_models, load_model, models_folder, save_model
from lrviz.models.opening import count_parameters
from tests.tiny import make_dataset

CARD = Card(
    name="cnn5-w2",
    architecture="cnn5",
    width=2,
    batch_norm=False,
    data="tiny",
    num_train_images=40,
    label_noise=0.2,
    augmentation=False,
    seed=0,
    epochs=3,
    train_error=0.25,
    test_error=0.5,
    mean=(0.5, 0.4, 0.25),
    std=(0.25, 0.5, 0.125),
    classes=make_dataset().classes,
    num_parameters=1,
    recipe="none",
    reproduce="lrviz train cnn5",
    date="2026-01-01",
    lrviz_version="0.1.0",
)
NAMES = [card.name for card in list_models()]


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_model(path, build("cnn5", 2, 10, seed=7), CARD)
    return path


def test_saved_model_comes_back(checkpoint):
    model = load_model(checkpoint)
    expected = build("cnn5", 2, 10, seed=7).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.module.state_dict().items())
    assert model.card == CARD
    assert not model.module.training
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_batch_norm_statistics_come_back(tmp_path):
    module = build("cnn5", 2, 10, True)
    module.train()(torch.rand(8, 3, 32, 32, device="cpu"))
    save_model(tmp_path / "bn.safetensors", module, dataclasses.replace(CARD, batch_norm=True))
    loaded = load_model(str(tmp_path / "bn.safetensors")).module
    torch.testing.assert_close(loaded[1].running_mean, module[1].running_mean)


@settings(max_examples=25)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    width=st.integers(1, 512),
    error=st.floats(0, 1),
    classes=st.lists(st.text(max_size=5), min_size=2, max_size=4),
)
def test_card_round_trip(text, width, error, classes):
    card = dataclasses.replace(CARD, name=text, width=width, test_error=error, classes=tuple(classes))
    assert Card.from_json(card.to_json(), "card.json") == card


def _edited(**changes):
    return json.dumps({**json.loads(CARD.to_json()), **changes})


def test_card_from_before_its_newest_fields():
    values = json.loads(CARD.to_json())
    for name in ("input_shape", "sparsity", "pruned_from", "teacher"):
        del values[name]
    assert Card.from_json(json.dumps(values), "card.json") == CARD
    large = Card.from_json(json.dumps(values | {"image_size": 64}), "card.json")
    assert (large.input_shape, large.image_size) == ((3, 64, 64), 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[1, 2]", "no object"),
        ("{}", "missing or unknown"),
        (_edited(surprise=1), "surprise"),
        (_edited(width="8"), "'width'"),
        (_edited(width=True), "'width'"),
        (_edited(batch_norm=0), "'batch_norm'"),
        (_edited(test_error=None), "'test_error'"),
        (_edited(classes="abc"), "'classes'"),
        (_edited(classes=["a", 1]), "'classes'"),
        (_edited(std=[0.2, 0.2]), "one number per channel"),
        (_edited(std=[0.2, 0.2, 0]), "positive numbers"),
        (_edited(std=[0.2, 0.2, 1e-300]), "from 1e-06"),
        (_edited(mean=[0.2, 0.2, 10**400]), "'mean'"),
        (_edited(width=0), "'width'"),
        (_edited(width=10**30), "'width'"),
        (_edited(seed=-1), "'seed'"),
        (_edited(test_error=1.5), "'test_error'"),
        (_edited(test_error=float("nan")), "finite numbers"),
        (_edited(train_error=float("inf")), "finite numbers"),
        (CARD.to_json().replace("0.25", "1e400", 1), "finite numbers"),
        ("[" * 100_000, "not JSON"),
        ('{"name":' * 100_000, "not JSON"),
        (_edited(recipe=["x"] * 10**5), "'recipe'"),
        (json.dumps({f"field {k}": 0 for k in range(10**4)}), "missing or unknown"),
    ],
)
def test_damaged_card(text, message):
    with pytest.raises(InvalidCheckpoint, match=message) as caught:
        Card.from_json(text, "card.json")
    assert len(str(caught.value)) < 600


def test_damaged_checkpoints(checkpoint, tmp_path):
    card = checkpoint.with_suffix(".json")
    weights = checkpoint.read_bytes()
    for damaged in (b"", weights[:100], weights[:-4], b"x" * 200):
        checkpoint.write_bytes(damaged)
        with pytest.raises(InvalidCheckpoint, match=r"damaged or belongs to another card"):
            load_model(checkpoint)
    checkpoint.write_bytes(weights)
    card.write_text(dataclasses.replace(CARD, width=3).to_json())
    with pytest.raises(InvalidCheckpoint, match="cnn5 of width 3"):
        load_model(checkpoint)
    card.write_text(dataclasses.replace(CARD, architecture="lenet").to_json())
    with pytest.raises(InvalidCheckpoint, match="lenet"):
        load_model(checkpoint)
    card.write_bytes(b"\xff")
    with pytest.raises(InvalidCheckpoint, match=r"mine\.json"):
        load_model(checkpoint)


def test_a_checkpoint_without_its_card_is_recognised_by_its_shapes(checkpoint):
    checkpoint.with_suffix(".json").unlink()
    model = load_model(checkpoint)
    assert (model.card.architecture, model.card.width, len(model.classes)) == ("cnn5", 2, 10)
    assert model.assumed[0] == "the architecture cnn5(width=2, num_classes=10)"
    assert not model.card.is_own
    assert np.isnan(model.card.test_error)


def safetensors_file(header, num_bytes=0):
    """A file whose header says what it likes."""
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return len(text).to_bytes(8, "little") + text + bytes(num_bytes)


TENSOR = {"dtype": "F32", "shape": [2, 3, 3, 3], "data_offsets": [0, 216]}


@pytest.mark.parametrize(
    "content",
    [
        safetensors_file({"0.weight": TENSOR}, 216),
        safetensors_file({"0.weight": TENSOR}, 10),
        safetensors_file({"0.weight": {**TENSOR, "shape": [2**40, 3]}}, 216),
        safetensors_file({"0.weight": {**TENSOR, "shape": [2**62, 2**62]}}, 216),
        safetensors_file({"0.weight": {**TENSOR, "data_offsets": [0, 2**62]}}, 216),
        safetensors_file({"0.weight": {**TENSOR, "data_offsets": [216, 0]}}, 216),
        safetensors_file({"0.weight": {**TENSOR, "shape": [-1]}}, 216),
        safetensors_file({"0.weight": {**TENSOR, "dtype": "PICKLE"}}, 216),
        safetensors_file({"0.weight": TENSOR, "1.weight": TENSOR}, 216),
        safetensors_file(b"[" * 100_000),
        (2**62).to_bytes(8, "little") + b"{}",
        b"\x80\x04\x95" + bytes(100),
    ],
)
def test_headers_that_lie_are_refused(checkpoint, content):
    checkpoint.write_bytes(content)
    with pytest.raises(InvalidCheckpoint, match="damaged or belongs to another card"):
        load_model(checkpoint)


@pytest.mark.parametrize("width", [10**4, 10**6])
def test_a_card_that_asks_for_more_than_any_memory_is_refused(checkpoint, width):
    checkpoint.with_suffix(".json").write_text(dataclasses.replace(CARD, width=width).to_json())
    with pytest.raises(InvalidCheckpoint, match=f"width {width}"):
        load_model(checkpoint)


def test_a_checkpoint_that_is_a_pipe_or_too_large_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(UnknownModel, match="pipe"):
        load_model(tmp_path / "pipe.safetensors")
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(UnknownModel, match="at most 4 GB"):
        load_model(tmp_path / "large.safetensors")


def test_unknown_models(tmp_path):
    with pytest.raises(UnknownModel, match=r"did you mean .*cnn5-w8-noise20"):
        load_model("cnn5-w8-noise2")
    with pytest.raises(UnknownModel, match="lrviz models"):
        load_model("????")
    with pytest.raises(UnknownModel, match="check the path"):
        load_model(tmp_path / "none.safetensors")


def test_normalise_is_the_card_s_formula(checkpoint):
    model = load_model(checkpoint)
    image = np.full((3, 32, 32), 51, np.uint8)
    inputs = model.normalise(image)
    assert inputs.dtype == torch.float32
    torch.testing.assert_close(inputs[:, 0, 0], torch.tensor([-1.2, -0.4, -0.4], device="cpu"))
    batch = torch.rand(2, 5, 3, 32, 32, device="cpu", dtype=torch.float64)
    assert model.normalise(batch).dtype == torch.float64
    torch.testing.assert_close(model.normalise(batch)[1, 2], model.normalise(batch[1, 2]))


def test_models_are_listed_by_family_width_and_seed(tmp_path):
    names = []
    for family, width, seed in [("resnet18", 1, 0), ("cnn5", 10, 0), ("cnn5", 2, 1), ("cnn5", 2, 0), ("vgg8", 1, 0)]:
        names.append(f"{family}-w{width}-seed{seed}")
        card = dataclasses.replace(CARD, name=names[-1], architecture=family, width=width, seed=seed)
        (tmp_path / f"{names[-1]}.json").write_text(card.to_json())
    assert [card.name for card in list_models(tmp_path)] == [names[i] for i in (3, 2, 1, 4, 0)]


def test_snapshot_is_told_from_its_name():
    assert not CARD.is_snapshot
    snapshot = dataclasses.replace(CARD, name="cnn5-w2-epoch3")
    assert snapshot.is_snapshot
    assert (snapshot.training, CARD.training) == ("cnn5-w2", CARD.name)


def test_shipped_models_have_card_and_weights():
    folder = models_folder()
    weights, cards = ({path.stem for path in folder.glob(pattern)} for pattern in ("*.safetensors", "*.json"))
    assert weights == cards == set(NAMES)
    assert {f"cnn5-w{k}-noise20" for k in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)} <= weights
    assert sum(path.stat().st_size for path in folder.iterdir()) < 60e6


@pytest.mark.parametrize("name", NAMES)
def test_shipped_model_fits_its_card(name):
    model = load_model(name)
    card = model.card
    assert card.name == model.name == name
    assert card.architecture in FAMILIES
    assert name.startswith(card.architecture)
    assert card.num_parameters == count_parameters(model.module)
    chance = 1 - 1 / len(card.classes)
    # A snapshot may be from before anything was learnt.
    assert 0 <= card.train_error < (1 if card.is_snapshot and card.epochs < 10 else chance), "no better than chance"
    assert 0.05 < card.test_error < (1 if card.is_snapshot else 1 - 1.5 / len(card.classes))
    assert "/" not in card.reproduce
    assert all(torch.isfinite(parameter).all() for parameter in model.module.parameters())


@pytest.mark.parametrize(
    ("name", "error"),
    [("resnet18-stride-w16-bn", 0.1), ("resnet18-stride-w16-bn-cifar100", 0.38), ("vgg8-cifar10", 0.2)],
)
def test_networks_trained_on_all_lossless_images(name, error):
    card = load_model(name).card
    assert card.test_error < error
    assert (card.num_train_images, card.label_noise, card.augmentation) == (50_000, 0, True)
    assert card.data.endswith("(lossless PNG)")


def test_shipped_vgg8_recognises_the_samples():
    from lrviz.models.images import list_samples  # noqa: PLC0415

    model = load_model("vgg8")
    samples = list_samples("cifar10")
    logits = model.module(model.normalise(np.stack([sample.image for sample in samples])))
    predicted = [model.classes[index] for index in logits.argmax(1).tolist()]
    num_right = sum(name == sample.label for name, sample in zip(predicted, samples, strict=True))
    assert num_right >= 13


def test_models_command_prints_every_card(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["models"])
    table = capsys.readouterr().out
    assert all(f" {name} " in table for name in NAMES)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["models", "--json"])
    assert [card["name"] for card in json.loads(capsys.readouterr().out)] == NAMES


def test_models_command_ends_with_a_sentence_for_a_damaged_card(capsys, tmp_path):
    shutil.copy(models_folder() / f"{NAMES[0]}.json", tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["models", "--folder", str(tmp_path)])
    captured = capsys.readouterr()
    assert captured.err.startswith("lrviz: Expected a JSON card in broken.json")
    assert "Traceback" not in captured.err
    assert f" {NAMES[0]} " in captured.out
    with pytest.raises(SystemExit, match="2"):
        cli.main(["models", "--folder", str(tmp_path / "missing")])
    assert "lrviz: Expected a folder of networks at" in capsys.readouterr().err
