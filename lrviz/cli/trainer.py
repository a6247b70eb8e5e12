"""The work of the commands about trained models."""

import glob
import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lrviz.cli.describer import tell_assumed
from lrviz.cli.terminal import INTERRUPTED, REFUSED, tell
from lrviz.errors import InvalidData, InvalidRequest, LrvizError
from lrviz.files import shown
from lrviz.models.access import USER, Access
from lrviz.models.architectures import require_family
from lrviz.models.card import Card
from lrviz.models.catalogue import SUFFIX, Model, list_checkpoints, load_model
from lrviz.models.datasets import CIFAR_NAMES, SPLITS, Dataset, load_dataset, stem_of
from lrviz.models.notes import read_kept
from lrviz.models.opening import is_file
from lrviz.models.prune import FINE_TUNING, prune_config
from lrviz.models.rebuilding import SEQUENTIAL
from lrviz.models.recipes import TrainConfig, default_config
from lrviz.models.train import EpochReport, has_state, partial_path, train
from lrviz.models.training_data import check_data, check_models, data_digest, made_from, prepare_data
from lrviz.words import counted

_NUMBERS = {
    "lr": "learning_rate",
    "momentum": "momentum",
    "weight-decay": "weight_decay",
    "batch-size": "batch_size",
    "epochs": "epochs",
    "cycles": "cycles",
    "temperature": "temperature",
    "teacher-share": "teacher_share",
    "loss-target": "loss_target",
}
"""Options of `lrviz train` and the numbers of a recipe that they set."""

_NOTHING_KEPT = "stopped; the same command starts from the beginning."

PIPE_WIDTH = 160
"""Columns of a table that does not go to a terminal."""


def print_models(folder: Path | None, as_json: bool) -> None:
    """Print the cards of the models in a folder, as a table or as JSON; damaged ones are told at the end."""
    damaged: dict[Path, LrvizError] = {}
    cards = tuple(list_checkpoints(folder, damaged.__setitem__).values())
    if as_json:
        known = [{name: _known(value) for name, value in asdict(card).items()} for card in cards]
        typer.echo(json.dumps(known, indent=2, allow_nan=False))
    else:
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(_models_table(cards))
    for error in damaged.values():
        tell(str(error))
    if damaged:
        raise typer.Exit(REFUSED)


def _known(value: Any) -> Any:
    """A value of a card; None for a number that nobody knows."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _or_dash(text: str, known: bool) -> str:
    return text if known else "–"


def _models_table(cards: tuple[Card, ...]) -> Table:
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("architecture")
    for column in ("width", "noise", "images", "train error", "test error", "parameters"):
        table.add_column(column, justify="right")
    table.add_column("data")
    for card in cards:
        table.add_row(
            escape(card.name),
            escape(_describe_architecture(card)),
            _or_dash(str(card.width), card.width > 0),
            _or_dash(f"{card.label_noise:.0%}", card.num_train_images > 0),
            _or_dash(f"{card.num_train_images:,}", card.num_train_images > 0),
            _or_dash(f"{card.train_error:.3f}", not math.isnan(card.train_error)),
            _or_dash(f"{card.test_error:.3f}", not math.isnan(card.test_error)),
            f"{card.num_parameters:,}",
            escape(card.data),
        )
    return table


def _describe_architecture(card: Card) -> str:
    parts = [card.architecture]
    parts += ["batch norm"] if card.batch_norm else []
    parts += [f"pruned {card.sparsity:.0%}"] if card.pruned_from else []
    parts += ["distilled"] if card.teacher else []
    return " + ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trainings read and write, and whether they start again.

    Attributes:
        data: Path of the data set.
        dataset: What it has to be; None for whatever is there.
        out: Folder of the checkpoints.
        download: Let torchvision fetch the data set.
        device: Where to train.
        force: Train again what is finished.
    """

    data: Path
    dataset: str | None
    out: Path
    download: bool = False
    device: str | None = None
    force: bool = False

    def load(self) -> tuple[Dataset, Dataset]:
        """Load the training and the test images."""
        train_set, test_set = (load_dataset(self.dataset, split, self.data, download=self.download) for split in SPLITS)
        if self.dataset is not None and CIFAR_NAMES[self.dataset] != stem_of(train_set.name):
            raise InvalidData(
                f"Expected {self.dataset} in {self.data}, got {train_set.name} of {len(train_set.classes)} classes: "
                "name the place of the data set, or leave --dataset out."
            )
        return train_set, test_set

    def words(self) -> list[str]:
        """The options for a card, with the data's name in place of its path."""
        source = self.data.name if self.data.suffix == ".npz" else "DATA_FOLDER"
        named = [f"--dataset {self.dataset}"] if self.dataset not in {None, "cifar10"} else []
        return [*named, f"--data {source}", "--out MODELS_FOLDER"]


def train_all(configs: list[TrainConfig], place: Place, teacher: str | None = None, access: Access = USER) -> None:
    """Train every network that is not finished, from a teacher if one is named."""
    for config in configs:
        require_family(config.family)
    model = None if teacher is None else load_model(teacher, access=access)
    if model is not None:
        tell_assumed(model)
        configs = [replace(config, teacher=model.name) for config in configs]
    sets = place.load()
    suffix = "" if sets[0].short_name == "cifar10" else f"-{sets[0].short_name}"
    jobs = [
        (config, f"{config.name}{suffix}", " ".join(["lrviz train", *_train_words(config), *place.words()]))
        for config in configs
    ]
    _train_jobs(jobs, sets, place, teacher=model, access=access)


def prune_all(
    model: str, sparsities: list[float], options: dict[str, Any], place: Place, access: Access = USER
) -> None:
    """Prune a model to every sparsity that is not finished, and train what is left for a few epochs."""
    source = load_model(model, access=access)
    tell_assumed(source)
    if source.card.architecture == SEQUENTIAL:
        raise InvalidRequest(
            f"Expected a network whose architecture has a name, got the layers of {shown(source.name)}, which was "
            "saved whole: save its state dict, and give what builds it by --architecture mynet.py:build --trust."
        )
    sets, jobs = place.load(), []
    named = Path(model).name if is_file(model) else source.name
    for sparsity in sparsities:
        config = prune_config(source.card, sparsity, len(sets[0]), **options)
        words = ["lrviz prune", named, f"--sparsity {sparsity:g}", *_prune_words(config), *place.words()]
        jobs.append((config, config.name, " ".join(words)))
    _train_jobs(jobs, sets, place, source=source, access=access)


def _train_jobs(
    jobs: list[tuple[TrainConfig, str, str]],
    sets: tuple[Dataset, Dataset],
    place: Place,
    *,
    source: Model | None = None,
    teacher: Model | None = None,
    access: Access = USER,
) -> None:
    found = {place.out / f"{name}{SUFFIX}": (config, reproduce) for config, name, reproduce in jobs}
    origin = made_from(source, teacher)
    todo = {
        path: job for path, job in found.items() if place.force or not _is_finished(path, *job, sets[0], origin, access)
    }
    if not todo:
        finished = "The checkpoint is" if len(found) == 1 else f"All {len(found)} checkpoints are"
        typer.echo(f"{finished} finished; train again with --force.")
        return
    for config, _ in todo.values():
        check_data(config, *sets)
        check_models(config, sets[0], source, teacher)
    try:
        place.out.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=place.out):
            pass
    except OSError as error:
        raise InvalidRequest(
            f"Expected a folder for the checkpoints that can be written, got {str(place.out)!r} ({error.strerror}): "
            "choose another."
        ) from error
    for path, (config, reproduce) in todo.items():
        if place.force:
            _start_anew(path)
        options = {"device": place.device, "reproduce": reproduce, "source": source, "teacher": teacher}
        _train_one(config, sets, path, options, force=place.force)


def _start_anew(path: Path) -> None:
    """Remove the state of an unfinished training, and the snapshots of the one before."""
    partial_path(path).unlink(missing_ok=True)
    for file in path.parent.glob(f"{glob.escape(path.stem)}-epoch*.json"):
        try:
            card = read_kept(file, USER)
        except LrvizError:
            continue
        if isinstance(card, Card) and card.is_own and card.is_snapshot and card.training == path.stem:
            file.unlink()
            file.with_suffix(SUFFIX).unlink(missing_ok=True)


def _train_one(
    config: TrainConfig,
    sets: tuple[Dataset, Dataset],
    path: Path,
    options: dict[str, Any],
    *,
    force: bool,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    try:
        console = Console(stderr=True)
        times = TimeElapsedColumn(), TimeRemainingColumn()
        with Progress(*columns, *times, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(path.stem, total=config.epochs, state="")

            def show(report: EpochReport) -> None:
                state = f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.3f}, error {report.error:.3f}"
                bar.update(task, completed=report.epoch, total=report.epochs, state=state)

            card = train(config, *sets, checkpoint_path=path, progress=show, **options)
    except KeyboardInterrupt as interrupt:
        kept, command = partial_path(path), "the same command" + " without --force" * force
        tell(f"stopped; {command} goes on from the state in {kept}." if kept.exists() else _NOTHING_KEPT)
        raise typer.Exit(INTERRUPTED) from interrupt
    typer.echo(
        f"{path}: train error {card.train_error:.3f}, test error {card.test_error:.3f}, {counted(card.epochs, 'epoch')}"
    )


def _is_finished(
    path: Path, config: TrainConfig, reproduce: str, train_set: Dataset, origin: str, access: Access
) -> bool:
    """Whether a checkpoint is there that a command gave, with the same images and from the same networks.

    Raises:
        InvalidRequest: Something else is there.
    """
    if not path.exists() and not path.with_suffix(".json").exists():
        return False
    data, _ = prepare_data(config, train_set)
    if has_state(path, config, data, origin):
        return False
    there, advice = "something else", "choose another folder, or train over it with --force"
    try:
        card = read_kept(path.with_suffix(".json"), USER)
    except LrvizError:
        card = None
    if isinstance(card, Card):
        is_same = card.data_digest in ("", data_digest(data)) and card.made_from in ("", origin)
        if is_same and card.reproduce == reproduce:
            return _can_be_read(path, access)
        there = f"that of '{card.reproduce}'" + " with other images, or from other networks" * (not is_same)
    raise InvalidRequest(f"Expected the network of '{reproduce}' in {path}, got {there}: {advice}.")


def _can_be_read(path: Path, access: Access) -> bool:
    try:
        load_model(path, access=access)
    except LrvizError:
        return False
    return True


def _train_words(config: TrainConfig) -> list[str]:
    """Return the options that give a recipe again."""
    base = default_config(config.family, config.width, optimizer=config.optimizer)
    words = [config.family, f"--width {config.width}", f"--seed {config.seed}"]
    words += [f"--noise {config.label_noise:g}"] if config.label_noise else []
    words += [f"--subset {config.subset}"] if config.subset else []
    words += ["--batch-norm"] if config.batch_norm else []
    words += [f"--optimizer {config.optimizer}"] if config.optimizer != "adam" else []
    words += [f"--teacher {config.teacher}"] if config.teacher else []
    words += ["--half"] if config.half else []
    words += _number_words(config, base)
    if config.augment != base.augment:
        words.append("--augment" if config.augment else "--no-augment")
    return [*words, *(f"--snapshot {epoch}" for epoch in config.snapshots)]


def _prune_words(config: TrainConfig) -> list[str]:
    base = TrainConfig(family=config.family, width=config.width, **FINE_TUNING, decay_epochs=FINE_TUNING["epochs"])
    words = [f"--optimizer {config.optimizer}"] if config.optimizer != base.optimizer else []
    return [*words, *(["--half"] if config.half else []), *_number_words(config, base)]


def _number_words(config: TrainConfig, base: TrainConfig) -> list[str]:
    changed = {option: getattr(config, name) for option, name in _NUMBERS.items()}
    words = [f"--{option} {value:g}" for option, value in changed.items() if value != getattr(base, _NUMBERS[option])]
    return words + ([f"--precision {config.precision}"] if config.precision != base.precision else [])
