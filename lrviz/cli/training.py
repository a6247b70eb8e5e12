"""The commands about trained models: list them, train more. PyTorch is imported when it is needed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lrviz.cli.describing import describes
from lrviz.errors import InvalidRequest
from lrviz.models.access import Access


def models(
    folder: Annotated[Path | None, typer.Option(help="Folder of checkpoints; the shipped ones if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the trained models."""
    from lrviz.cli import trainer  # noqa: PLC0415

    trainer.print_models(folder, as_json)


@describes("teacher")
def train_command(
    family: Annotated[
        str, typer.Argument(help="cnn5, vgg8, vgg11, vgg11-head, resnet18, resnet18-stride and deeper ones.")
    ],
    data: Annotated[
        Path, typer.Option(help="Class folders (train/CLASS/IMAGE.png), npz file, or folder in torchvision's layout.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoints and cards.")],
    width: Annotated[list[int] | None, typer.Option(help="Base width; give it several times to train several.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="cifar10 or cifar100: what the data have to be.", show_default="what is there")
    ] = None,
    download: Annotated[bool, typer.Option(help="Let torchvision download the data set into the folder.")] = False,
    subset: Annotated[int | None, typer.Option(help="Train on that many images, class-balanced.")] = None,
    noise: Annotated[float, typer.Option(help="Fraction of labels moved to a random other class.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of everything that is random.")] = 0,
    batch_norm: Annotated[bool, typer.Option(help="Batch normalisation after every convolution.")] = False,
    optimizer: Annotated[str, typer.Option(help="adam; or sgd: momentum, one-cycle rate, augmentation.")] = "adam",
    augment: Annotated[bool | None, typer.Option(help="Random crops and flips.", show_default="by recipe")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--lr", help="Highest learning rate.", show_default="by recipe")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd.", show_default="by recipe")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of the weights.", show_default="by recipe")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.", show_default="by recipe")] = None,
    epochs: Annotated[int | None, typer.Option(help="Largest number of epochs.", show_default="by recipe")] = None,
    cycles: Annotated[int | None, typer.Option(help="Times that these epochs are repeated.", show_default="1")] = None,
    loss_target: Annotated[
        float | None, typer.Option(help="Mean loss that ends the training early; 0: never.", show_default="by recipe")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Shipped model or file of a network to be distilled: its outputs are learnt too.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of the softmax that compares with the teacher.", show_default="4")
    ] = None,
    teacher_share: Annotated[
        float | None, typer.Option(help="Share of the teacher in the loss.", show_default="0.9")
    ] = None,
    snapshot: Annotated[list[int] | None, typer.Option(help="Also keep a checkpoint after this epoch.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="bfloat16 or float32, the faster one where the CPU has no bfloat16.", show_default="bfloat16"
        ),
    ] = None,
    half: Annotated[bool, typer.Option(help="Round the trained weights to float16: half as large a file.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda if there is one.")] = None,
    force: Annotated[bool, typer.Option(help="Train again what is finished.")] = False,
    *,
    access: Access,
) -> None:
    """Train networks of one family; a stopped training goes on where it was.

    Options that describe a network, such as --architecture, are about the teacher.
    """
    from lrviz.cli import trainer  # noqa: PLC0415
    from lrviz.models.recipes import default_config  # noqa: PLC0415

    if teacher is None and not (temperature is None and teacher_share is None):
        raise InvalidRequest("--temperature and --teacher-share are about a teacher: name it with --teacher.")
    if momentum is not None and optimizer == "adam":
        raise InvalidRequest("--momentum is about sgd: choose it with --optimizer sgd.")
    given: dict[str, Any] = {
        "augment": augment,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
        "epochs": epochs,
        "cycles": cycles,
        "loss_target": loss_target,
        "temperature": temperature,
        "teacher_share": teacher_share,
        "precision": precision,
        "snapshots": tuple(snapshot) if snapshot else None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"subset": subset, "label_noise": noise, "seed": seed, "batch_norm": batch_norm, "half": half}
    configs = [default_config(family, number, optimizer=optimizer, **options) for number in width or [1]]
    place = trainer.Place(data=data, dataset=dataset, out=out, download=download, device=device, force=force)
    trainer.train_all(configs, place, teacher, access)


@describes("model")
def prune_command(
    model: Annotated[str, typer.Argument(help="Shipped model or file of a network.")],
    sparsity: Annotated[
        list[float], typer.Option(help="Fraction of weights to set to zero; give it several times to prune several.")
    ],
    data: Annotated[Path, typer.Option(help="The data set that it was trained on, as for train.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoints and cards.")],
    dataset: Annotated[
        str | None, typer.Option(help="cifar10 or cifar100: what the data have to be.", show_default="what is there")
    ] = None,
    optimizer: Annotated[str, typer.Option(help="adam or sgd, of the training after the pruning.")] = "adam",
    learning_rate: Annotated[
        float | None, typer.Option("--lr", help="Its first learning rate; falls to 0.", show_default="0.0005")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.", show_default="128")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of that training.", show_default="3")] = None,
    precision: Annotated[str | None, typer.Option(help="bfloat16 or float32.", show_default="bfloat16")] = None,
    half: Annotated[bool, typer.Option(help="Round the weights to float16: half as large a file.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda if there is one.")] = None,
    force: Annotated[bool, typer.Option(help="Prune again what is finished.")] = False,
    *,
    access: Access,
) -> None:
    """Set a model's smallest weights to zero, and train the others on for a few epochs."""
    from lrviz.cli import trainer  # noqa: PLC0415

    given: dict[str, Any] = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "precision": precision,
    }
    options = {name: value for name, value in given.items() if value is not None}
    place = trainer.Place(data=data, dataset=dataset, out=out, device=device, force=force)
    trainer.prune_all(model, sparsity, options | {"optimizer": optimizer, "half": half}, place, access)
