import dataclasses

import numpy as np
import pytest
import torch

from lrviz import cli
from lrviz.errors import InvalidData
from lrviz.models.catalogue import load_model
from lrviz.models.distil import Teacher, distillation_loss
from lrviz.models.train import train
from tests.models.test_train import QUICK, TEST, TRAIN
from tests.tiny import make_dataset, write_archive


def test_distillation_loss_is_the_scaled_divergence_of_the_softened_outputs():
    generator = torch.Generator("cpu").manual_seed(0)
    logits, targets = (torch.randn(5, 4, generator=generator, device="cpu") for _ in range(2))
    temperature = 3.0
    p, q = (torch.softmax(values.double() / temperature, 1).numpy() for values in (targets, logits))
    expected = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    assert distillation_loss(logits, targets, temperature).item() == pytest.approx(expected, rel=1e-5)
    assert distillation_loss(targets, targets, temperature).item() == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "wide.safetensors"
    train(dataclasses.replace(QUICK, width=4, epochs=20, label_noise=0), TRAIN, TEST, checkpoint_path=path)
    return load_model(path)


def test_teacher_normalises_in_its_own_way(teacher):
    images = torch.tensor(TEST.images.transpose(0, 2, 3, 1).copy())
    found = Teacher(teacher, torch.device("cpu")).logits(images)
    torch.testing.assert_close(found, teacher.module(teacher.normalise(TEST.images)).detach())


def test_a_student_learns_the_outputs_of_its_teacher(teacher, tmp_path):
    config = dataclasses.replace(
        QUICK, epochs=20, label_noise=1.0, teacher="wide", teacher_share=1.0, precision="float32"
    )
    card = train(config, TRAIN, TEST, checkpoint_path=tmp_path / "student.safetensors", teacher=teacher)
    plain = dataclasses.replace(config, teacher="")
    train(plain, TRAIN, TEST, checkpoint_path=tmp_path / "plain.safetensors")
    expected = teacher.module(teacher.normalise(TEST.images)).softmax(1)
    distances = [
        (model.module(model.normalise(TEST.images)).softmax(1) - expected).abs().mean().item()
        for model in (load_model(tmp_path / f"{name}.safetensors") for name in ("student", "plain"))
    ]
    assert distances[0] < 0.5 * distances[1]
    assert (card.teacher, card.family, config.name) == ("wide", "cnn5 distilled", "cnn5-w2-noise100-distilled")
    assert card.recipe.startswith("distilled from wide (100% of the loss, temperature 4): Adam")


def test_teacher_of_other_images_or_missing(teacher, tmp_path):
    config = dataclasses.replace(QUICK, teacher="wide")
    with pytest.raises(InvalidData, match=r"Expected the model wide as teacher of .*, got none"):
        train(config, TRAIN, TEST, checkpoint_path=tmp_path / "x.safetensors")
    others = make_dataset(20, classes=("a", "b"))
    with pytest.raises(InvalidData, match="size and classes of wide"):
        train(config, others, others, checkpoint_path=tmp_path / "x.safetensors", teacher=teacher)


@pytest.mark.parametrize("changes", [{"temperature": 0.0}, {"teacher_share": 1.5}])
def test_distillation_out_of_range(changes):
    with pytest.raises(InvalidData, match="Expected"):
        dataclasses.replace(QUICK, **changes)


def test_train_command_with_a_teacher(tmp_path):
    archive = tmp_path / "tiny.npz"
    write_archive(archive, {"train": TRAIN, "test": TEST})

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            cli.main(
                [str(word) for word in ("train", "cnn5", "--epochs", 2, "--data", archive, "--out", tmp_path, *words)]
            )
        assert stop.value.code == 0

    run("--width", 2)
    run("--width", 1, "--teacher", tmp_path / "cnn5-w2.safetensors", "--temperature", 2)
    card = load_model(tmp_path / "cnn5-w1-distilled.safetensors").card
    assert card.teacher == "cnn5-w2"
    assert "--teacher cnn5-w2 --epochs 2 --temperature 2 --data tiny.npz" in card.reproduce
