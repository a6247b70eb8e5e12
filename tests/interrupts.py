"""Trainings that are stopped in the middle, as by Ctrl-C."""

import pytest

from lrviz.cli import trainer
from lrviz.models.train import train


def interrupt_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings of the command line be interrupted after an epoch."""

    def interrupted(*args, progress, **options):
        def show(report):
            progress(report)
            if report.epoch == epoch:
                raise KeyboardInterrupt

        return train(*args, progress=show, **options)

    monkeypatch.setattr(trainer, "train", interrupted)
