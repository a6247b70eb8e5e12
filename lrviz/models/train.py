"""Training of the families, seeded and resumable, to a checkpoint with its card."""

import copy
import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from lrviz import __version__
from lrviz.devices import choose_device
from lrviz.errors import InvalidCheckpoint, TrainingDiverged
from lrviz.files import write_whole
from lrviz.models.architectures import build
from lrviz.models.batches import CROP_PADDING, crop_and_flip, normalise, to_nhwc
from lrviz.models.card import Card
from lrviz.models.catalogue import SUFFIX, Model, save_model
from lrviz.models.datasets import Dataset, channel_statistics
from lrviz.models.distil import Teacher, distillation_loss
from lrviz.models.opening import count_parameters
from lrviz.models.prune import keep_zero, prune_weights
from lrviz.models.recipes import TrainConfig, describe
from lrviz.models.training_data import (
    check_data,
    check_models,
    data_digest,
    made_from,
    prepare_data,
    require_images,
)

EVALUATION_BATCH = 500
PARTIAL_SUFFIX = ".partial.pt"
"""What files of unfinished trainings end in."""

_STATE_FIELDS = {"config", "data", "epoch", "decay_start", "module", "optimizer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What a finished epoch gave.

    Attributes:
        epoch: Its number, from 1.
        epochs: How many there will be at most, as known now.
        loss: Mean cross-entropy over the epoch's steps, in nats.
        error: Fraction of images that were misclassified when their step came.
    """

    epoch: int
    epochs: int
    loss: float
    error: float


def train(
    config: TrainConfig,
    train_set: Dataset,
    test_set: Dataset,
    *,
    checkpoint_path: Path,
    device: torch.device | str | None = None,
    progress: Callable[[EpochReport], None] | None = None,
    save_every: int = 5,
    reproduce: str = "",
    source: Model | None = None,
    teacher: Model | None = None,
) -> Card:
    """Train a network, or go on where an earlier call was stopped.

    Every few epochs the state is written beside the checkpoint (`*.partial.pt`); a call that finds it goes on
    from there and gives the same result as one that was never stopped. At the end it is removed.

    Args:
        config: The recipe.
        train_set: All training images; `config` says what subset to take and how noisy the labels are.
        test_set: Images for the test error.
        checkpoint_path: The .safetensors file to write; the card goes beside it.
        device: Where to train; "cuda" if there is one, else "cpu", when None.
        progress: Called after each epoch.
        save_every: Epochs between two writes of the state.
        reproduce: The command that the card names.
        source: The model that `config.pruned_from` names.
        teacher: The model that `config.teacher` names.

    Returns:
        The card that was written.

    Raises:
        InvalidData: The data do not have what the configuration asks for.
        InvalidDevice: Torch cannot compute on the device.
        InvalidCheckpoint: The state beside the checkpoint is damaged or belongs to another configuration.
        TrainingDiverged: The loss is no longer finite.
        UnknownModel: The family is not known.
    """
    check_data(config, train_set, test_set)
    check_models(config, train_set, source, teacher)
    checkpoint_path.parent.mkdir(parents=True, exist_ok=True)
    run = _Run(config, train_set, choose_device(device, float64=False), partial_path(checkpoint_path), source, teacher)
    while run.epoch < run.num_epochs:
        report = run.train_epoch()
        if progress is not None:
            progress(report)
        if run.epoch in config.snapshots and run.epoch < run.num_epochs:
            run.require_finite()
            path = checkpoint_path.with_name(f"{checkpoint_path.stem}-epoch{run.epoch}{SUFFIX}")
            _write(run, test_set, path, reproduce)
        if run.epoch % save_every == 0:
            run.save()
    run.require_finite()
    card = _write(run, test_set, checkpoint_path, reproduce)
    run.partial_path.unlink(missing_ok=True)
    return card


class _Run:
    """A training run at the end of an epoch; all that changes while it goes on."""

    def __init__(
        self,
        config: TrainConfig,
        train_set: Dataset,
        device: torch.device,
        partial_path: Path,
        source: Model | None = None,
        teacher: Model | None = None,
    ) -> None:
        data, _ = prepare_data(config, train_set)
        self.config, self.data, self.device, self.partial_path = config, data, device, partial_path
        if source is not None:
            require_images(source.card.num_train_images, train_set)
        self.digest = data_digest(data, known="" if source is None else source.card.data_digest)
        self.made_from = made_from(source, teacher)
        self.batch_sizes = _batch_sizes(len(data), config.batch_size)
        self.mean, self.std = channel_statistics(train_set) if source is None else (source.mean, source.std)
        padding = CROP_PADDING if config.augment else 0
        self.images = F.pad(to_nhwc(data, device), (0, 0, padding, padding, padding, padding))
        self.labels = torch.tensor(data.labels, device=device)
        module = _start_module(config, data) if source is None else _trainable(source.module)
        self.module = module.to(device)
        self.pruned = prune_weights(self.module, config.sparsity) if source is not None else []
        self.module.to(memory_format=torch.channels_last)
        self.teacher = None if teacher is None else Teacher(teacher, device)
        self.optimizer = _make_optimizer(config, self.module)
        self.epoch = 0
        self.decay_start = config.epochs - config.decay_epochs
        if partial_path.exists():
            self._restore()

    @property
    def num_epochs(self) -> int:
        return self.config.cycles * self.cycle_epochs

    @property
    def cycle_epochs(self) -> int:
        return self.decay_start + self.config.decay_epochs

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batch_sizes)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0 over all epochs."""
        step %= self.cycle_epochs * self.steps_per_epoch
        warmup_steps, top = self.config.warmup_steps, 1.0
        if warmup_steps is None:
            warmup_steps = (self.config.epochs - self.config.decay_epochs) * self.steps_per_epoch
            # The fall may begin before the rise is over.
            top = self.decay_start * self.steps_per_epoch / warmup_steps if warmup_steps else 1.0
        warmup = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
        decay_steps = max(1, self.config.decay_epochs * self.steps_per_epoch)
        decay = 1.0 - max(0, step - self.decay_start * self.steps_per_epoch) / decay_steps
        return self.config.learning_rate * min(warmup, top * decay)

    def train_epoch(self) -> EpochReport:
        """Go through the training images once."""
        if self.epoch % self.cycle_epochs == 0:
            self.optimizer = _make_optimizer(self.config, self.module)
        # The randomness of an epoch depends on its number only, so a resumed run repeats it.
        generator = torch.Generator("cpu").manual_seed(self.config.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.data), generator=generator, device="cpu")
        self.module.train()
        loss_sum = torch.zeros((), device=self.device)
        num_wrong = torch.zeros((), device=self.device, dtype=torch.int64)
        for index, batch in enumerate(order.split(self.batch_sizes)):
            loss, wrong = self._step(batch, self.epoch * self.steps_per_epoch + index, generator)
            loss_sum += loss * len(batch)
            num_wrong += wrong
        self.module.eval()
        self.epoch += 1
        loss_mean = loss_sum.item() / len(self.data)
        if not math.isfinite(loss_mean):
            raise TrainingDiverged(
                f"Expected a finite loss, got {loss_mean} in epoch {self.epoch} of {self.config.name}: "
                f"lower the learning rate ({self.config.learning_rate:g})."
            )
        if loss_mean < self.config.loss_target:
            self.decay_start = min(self.decay_start, self.epoch)
        error = num_wrong.item() / len(self.data)
        return EpochReport(epoch=self.epoch, epochs=self.num_epochs, loss=loss_mean, error=error)

    def _step(self, batch: Int[Tensor, " b"], step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        images = (
            crop_and_flip(self.images, batch, generator) if self.config.augment else self.images[batch.to(self.device)]
        )
        labels = self.labels[batch.to(self.device)]
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            logits = self.module(normalise(images, self.mean, self.std)).float()
            targets = None if self.teacher is None else self.teacher.logits(images)
        loss = F.cross_entropy(logits, labels)
        if targets is not None:
            share, temperature = self.config.teacher_share, self.config.temperature
            loss = (1 - share) * loss + share * distillation_loss(logits, targets, temperature)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        keep_zero(self.pruned)
        return loss.detach(), (logits.detach().argmax(1) != labels).sum()

    def save(self) -> None:
        """Write the state, complete or not at all."""
        config, data = self._identity()
        state = {
            "config": config,
            "data": data,
            "epoch": self.epoch,
            "decay_start": self.decay_start,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_whole(self.partial_path, buffer.getvalue())

    def _restore(self) -> None:
        state = _read_state(self.partial_path, self.device)
        if (state["config"], state["data"]) != self._identity():
            raise InvalidCheckpoint(
                f"Expected the training state of this recipe and data in {self.partial_path}, got that of another: "
                "delete it to start again, or go on with what it was started with."
            )
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.decay_start = state["epoch"], state["decay_start"]

    def require_finite(self) -> None:
        """Raise TrainingDiverged where weights are no numbers any more; the loss tells of the step before only."""
        if not all(bool(weight.isfinite().all()) for weight in self.module.state_dict().values()):
            raise TrainingDiverged(
                f"Expected finite weights after epoch {self.epoch}, got others: lower the learning rate "
                f"({self.config.learning_rate:g})."
            )

    def _identity(self) -> tuple[str, str]:
        return _identity(self.config, self.data, self.digest, self.made_from)


def _identity(config: TrainConfig, data: Dataset, digest: str, origin: str) -> tuple[str, str]:
    return json.dumps(asdict(config)), f"{data.name}, {len(data)} images {digest} {origin}".strip()


def _batch_sizes(number: int, batch_size: int) -> list[int]:
    """Images per step; a last one joins the step before, since it has no statistics of its own."""
    full, rest = divmod(number, batch_size)
    sizes = [batch_size] * full
    if rest == 1 and full:
        return [*sizes[:-1], batch_size + 1]
    return [*sizes, rest] if rest else sizes


def has_state(checkpoint_path: Path, config: TrainConfig, data: Dataset, origin: str) -> bool:
    """Whether the state of a training that was stopped is there, and is that of this recipe and these images.

    Args:
        checkpoint_path: The .safetensors file that the training writes at its end.
        config: The recipe.
        data: What it trains on, from `prepare_data`.
        origin: From `made_from`.
    """
    try:
        state = _read_state(partial_path(checkpoint_path), torch.device("cpu"))
    except InvalidCheckpoint:
        return False
    return (state["config"], state["data"]) == _identity(config, data, data_digest(data), origin)


def _start_module(config: TrainConfig, data: Dataset) -> nn.Module:
    return build(
        config.family,
        config.width,
        len(data.classes),
        config.batch_norm,
        seed=config.seed,
        image_size=data.images.shape[2],
    )


def _trainable(module: nn.Module) -> nn.Module:
    """A copy in float32; one that is frozen as a whole is trained as a whole."""
    copied = copy.deepcopy(module).float()
    if not any(parameter.requires_grad for parameter in copied.parameters()):
        copied.requires_grad_(True)
    return copied


def _make_optimizer(config: TrainConfig, module: nn.Module) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=config.learning_rate)
    nesterov = config.momentum > 0
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov)


def _read_state(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict) or state.keys() != _STATE_FIELDS:
            raise ValueError("unknown fields")
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InvalidCheckpoint(
            f"Expected a saved training state in {path}, got a damaged file: delete it to start again."
        ) from error
    return state


def evaluate(
    module: nn.Module,
    dataset: Dataset,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    *,
    device: torch.device | str,
) -> float:
    """Return the fraction of images that a network classifies wrongly, in float32."""
    images, labels = to_nhwc(dataset, device), torch.tensor(dataset.labels, device=device)
    num_wrong = 0
    with torch.inference_mode():
        for start in range(0, len(dataset), EVALUATION_BATCH):
            batch = slice(start, start + EVALUATION_BATCH)
            logits = module(normalise(images[batch], mean, std))
            num_wrong += int((logits.argmax(1) != labels[batch]).sum())
    return num_wrong / len(dataset)


def _write(run: _Run, test_set: Dataset, path: Path, reproduce: str) -> Card:
    config, data = run.config, run.data
    module = copy.deepcopy(run.module).half().float() if config.half else run.module
    card = Card(
        name=path.stem,
        architecture=config.family,
        width=config.width,
        batch_norm=config.batch_norm,
        data=data.name,
        num_train_images=len(data),
        label_noise=config.label_noise,
        augmentation=config.augment,
        seed=config.seed,
        epochs=run.epoch,
        train_error=evaluate(module, data, run.mean, run.std, device=run.device),
        test_error=evaluate(module, test_set, run.mean, run.std, device=run.device),
        mean=run.mean,
        std=run.std,
        classes=data.classes,
        num_parameters=count_parameters(module),
        recipe=describe(config),
        reproduce=reproduce,
        date=datetime.now(UTC).date().isoformat(),
        lrviz_version=__version__,
        input_shape=data.images.shape[1:],
        sparsity=config.sparsity,
        pruned_from=config.pruned_from,
        teacher=config.teacher,
        data_digest=run.digest,
        made_from=run.made_from,
    )
    save_model(path, module.half() if config.half else module, card)
    return card


def partial_path(checkpoint_path: Path) -> Path:
    """Return where the state of an unfinished training is."""
    return checkpoint_path.with_suffix(PARTIAL_SUFFIX)
