"""The `lrviz` command."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lrviz.datasets import Dataset, load_dataset
from lrviz.errors import LrvizError
from lrviz.recipes import TrainConfig, default_config
from lrviz.train import EpochReport, partial_path, train
from lrviz.zoo import SUFFIX, Card, list_models, load_model

PIPE_WIDTH = 160
"""Columns of a table that does not go to a terminal."""

app = typer.Typer(help="The exact linear regions of trained ReLU networks.", no_args_is_help=True, add_completion=False)


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an error that lrviz raises ends it with one sentence and exit code 2.

    Args:
        arguments: the words after `lrviz`; those of the process when None.
    """
    try:
        app(arguments)
    except (LrvizError, OSError) as error:
        typer.echo(f"lrviz: {error}", err=True)
        sys.exit(2)


@app.command()
def models(
    folder: Annotated[Path | None, typer.Option(help="Folder of checkpoints; the shipped ones if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the trained models."""
    cards = list_models(folder)
    if as_json:
        typer.echo(json.dumps([asdict(card) for card in cards], indent=2))
        return
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(_models_table(cards))


def _models_table(cards: tuple[Card, ...]) -> Table:
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("architecture")
    for column in ("width", "noise", "images", "train error", "test error", "parameters"):
        table.add_column(column, justify="right")
    table.add_column("data")
    for card in cards:
        table.add_row(
            card.name,
            card.architecture + (" + batch norm" if card.batch_norm else ""),
            str(card.width),
            f"{card.label_noise:.0%}",
            f"{card.num_train_images:,}",
            f"{card.train_error:.3f}",
            f"{card.test_error:.3f}",
            f"{card.num_parameters:,}",
            card.data,
        )
    return table


@app.command("train")
def train_command(  # noqa: PLR0917
    family: Annotated[str, typer.Argument(help="cnn5, vgg8, vgg11, vgg13, vgg16, vgg19, resnet18 or resnet34.")],
    data: Annotated[Path, typer.Option(help="Folder in torchvision's layout, or npz file of JPEG bytes.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoints and cards.")],
    width: Annotated[list[int] | None, typer.Option(help="Base width; give it several times to train several.")] = None,
    dataset: Annotated[str, typer.Option(help="cifar10 or cifar100: what to read in a folder.")] = "cifar10",
    download: Annotated[bool, typer.Option(help="Let torchvision download the data set into the folder.")] = False,
    subset: Annotated[int | None, typer.Option(help="Train on that many images, class-balanced.")] = None,
    noise: Annotated[float, typer.Option(help="Fraction of labels moved to a random other class.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of everything that is random.")] = 0,
    batch_norm: Annotated[bool, typer.Option(help="Batch normalisation after every convolution.")] = False,
    augment: Annotated[bool | None, typer.Option(help="Random crops and flips.", show_default="by family")] = None,
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Of Adam.", show_default="by family")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.", show_default="by family")] = None,
    epochs: Annotated[int | None, typer.Option(help="Largest number of epochs.", show_default="by family")] = None,
    snapshot: Annotated[list[int] | None, typer.Option(help="Also keep a checkpoint after this epoch.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda if there is one.")] = None,
    force: Annotated[bool, typer.Option(help="Train again what is finished.")] = False,
) -> None:
    """Train networks of one family; a stopped training goes on where it was."""
    given: dict[str, Any] = {
        "augment": augment,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "snapshots": tuple(snapshot) if snapshot else None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"subset": subset, "label_noise": noise, "seed": seed, "batch_norm": batch_norm}
    configs = [default_config(family, number, **options) for number in width or [1]]
    suffix = "" if dataset == "cifar10" else f"-{dataset}"
    paths = [out / f"{config.name}{suffix}{SUFFIX}" for config in configs]
    todo = [(config, path) for config, path in zip(configs, paths, strict=True) if force or not _is_finished(path)]
    if not todo:
        typer.echo(f"All {len(paths)} checkpoints are finished; train them again with --force.")
        return
    out.mkdir(parents=True, exist_ok=True)
    train_set = load_dataset(dataset, "train", data, download=download)
    test_set = load_dataset(dataset, "test", data, download=download)
    for config, path in todo:
        if force:
            partial_path(path).unlink(missing_ok=True)
        _train_one(config, (train_set, test_set), path, device, _reproduce(config, data, dataset))


def _train_one(
    config: TrainConfig, data: tuple[Dataset, Dataset], path: Path, device: str | None, reproduce: str
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(path.stem, total=config.epochs, state="")

        def show(report: EpochReport) -> None:
            state = f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, error {report.error:.3f}"
            bar.update(task, completed=report.epoch, total=report.epochs, state=state)

        card = train(config, *data, checkpoint_path=path, device=device, progress=show, reproduce=reproduce)
    typer.echo(f"{path}: train error {card.train_error:.3f}, test error {card.test_error:.3f}, {card.epochs} epochs")


def _is_finished(path: Path) -> bool:
    try:
        load_model(path)
    except LrvizError:
        return False
    return True


def _reproduce(config: TrainConfig, data: Path, dataset: str) -> str:
    """Return the command for a card, with the data's name in place of its path."""
    base = default_config(config.family, config.width)
    words = ["lrviz train", config.family, f"--width {config.width}", f"--seed {config.seed}"]
    words += [f"--noise {config.label_noise:g}"] if config.label_noise else []
    words += [f"--subset {config.subset}"] if config.subset else []
    words += ["--batch-norm"] if config.batch_norm else []
    for option, name in (("lr", "learning_rate"), ("batch-size", "batch_size"), ("epochs", "epochs")):
        if getattr(config, name) != getattr(base, name):
            words.append(f"--{option} {getattr(config, name):g}")
    if config.augment != base.augment:
        words.append("--augment" if config.augment else "--no-augment")
    words += [f"--snapshot {epoch}" for epoch in config.snapshots]
    words += [] if dataset == "cifar10" else [f"--dataset {dataset}"]
    source = data.name if data.suffix == ".npz" else "DATA_FOLDER"
    return " ".join([*words, f"--data {source}", "--out MODELS_FOLDER"])
