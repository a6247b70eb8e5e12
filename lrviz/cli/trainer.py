"""The work of the commands about trained models."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lrviz.errors import LrvizError
from lrviz.models.catalogue import SUFFIX, Card, list_models, load_model
from lrviz.models.datasets import SPLITS, Dataset, load_dataset
from lrviz.models.recipes import TrainConfig, default_config
from lrviz.models.train import EpochReport, partial_path, train

_NUMBERS = {
    "lr": "learning_rate",
    "momentum": "momentum",
    "weight-decay": "weight_decay",
    "batch-size": "batch_size",
    "epochs": "epochs",
    "loss-target": "loss_target",
}
"""Options of `lrviz train` and the numbers of a recipe that they set."""

PIPE_WIDTH = 160
"""Columns of a table that does not go to a terminal."""


def print_models(folder: Path | None, as_json: bool) -> None:
    """Print the cards of the models in a folder, as a table or as JSON."""
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


def train_all(
    configs: list[TrainConfig],
    *,
    data: Path,
    dataset: str | None,
    out: Path,
    download: bool,
    device: str | None,
    force: bool,
) -> None:
    """Train every network that is not finished."""
    sets = tuple(load_dataset(dataset, split, data, download=download) for split in SPLITS)
    short_name = sets[0].short_name
    suffix = "" if short_name == "cifar10" else f"-{short_name}"
    paths = [out / f"{config.name}{suffix}{SUFFIX}" for config in configs]
    todo = [(config, path) for config, path in zip(configs, paths, strict=True) if force or not _is_finished(path)]
    if not todo:
        typer.echo(f"All {len(paths)} checkpoints are finished; train them again with --force.")
        return
    out.mkdir(parents=True, exist_ok=True)
    for config, path in todo:
        if force:
            partial_path(path).unlink(missing_ok=True)
        _train_one(config, sets, path, device, _reproduce(config, data, dataset))


def _train_one(config: TrainConfig, data: tuple[Dataset, ...], path: Path, device: str | None, reproduce: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(path.stem, total=config.epochs, state="")

        def show(report: EpochReport) -> None:
            state = f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, error {report.error:.3f}"
            bar.update(task, completed=report.epoch, total=report.epochs, state=state)

        train_set, test_set = data
        card = train(
            config,
            train_set,
            test_set,
            checkpoint_path=path,
            device=device,
            progress=show,
            reproduce=reproduce,
        )
    typer.echo(f"{path}: train error {card.train_error:.3f}, test error {card.test_error:.3f}, {card.epochs} epochs")


def _is_finished(path: Path) -> bool:
    try:
        load_model(path)
    except LrvizError:
        return False
    return True


def _reproduce(config: TrainConfig, data: Path, dataset: str | None) -> str:
    """Return the command for a card, with the data's name in place of its path."""
    base = default_config(config.family, config.width, optimizer=config.optimizer)
    words = ["lrviz train", config.family, f"--width {config.width}", f"--seed {config.seed}"]
    words += [f"--noise {config.label_noise:g}"] if config.label_noise else []
    words += [f"--subset {config.subset}"] if config.subset else []
    words += ["--batch-norm"] if config.batch_norm else []
    words += [f"--optimizer {config.optimizer}"] if config.optimizer != "adam" else []
    words += ["--half"] if config.half else []
    for option, name in _NUMBERS.items():
        if getattr(config, name) != getattr(base, name):
            words.append(f"--{option} {getattr(config, name):g}")
    if config.augment != base.augment:
        words.append("--augment" if config.augment else "--no-augment")
    words += [f"--precision {config.precision}"] if config.precision != base.precision else []
    words += [f"--snapshot {epoch}" for epoch in config.snapshots]
    words += [f"--dataset {dataset}"] if dataset not in {None, "cifar10"} else []
    source = data.name if data.suffix == ".npz" else "DATA_FOLDER"
    return " ".join([*words, f"--data {source}", "--out MODELS_FOLDER"])
