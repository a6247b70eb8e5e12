"""The options that describe a network, which every command has that takes one. Their work is in `describer`."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

_OPTIONS: dict[str, Any] = {
    "architecture": Annotated[
        str | None,
        typer.Option(
            help="What a state dict holds: 'cnn5(width=8)', mlp, 'torchvision:resnet18(num_classes=10)', or with "
            "--trust a function in a Python file, mynet.py:build.",
            show_default="guessed by the shapes",
        ),
    ],
    "input_shape": Annotated[str | None, typer.Option(help="Of one input, such as 3,32,32 or 2.")],
    "mean": Annotated[
        str | None, typer.Option(help="Of every channel, from 0 to 1, such as 0.49,0.48,0.45, or of all.")
    ],
    "std": Annotated[
        str | None, typer.Option(help="Standard deviation of every channel, on the same scale, or of all.")
    ],
    "classes": Annotated[
        str | None, typer.Option(help="Names of the outputs, such as cat,dog, or a .txt file of them.")
    ],
    "dataset": Annotated[
        str | None,
        typer.Option(
            help="What it was trained on: cifar10, cifar100, imagenet, mnist, fashion-mnist; says mean, std and "
            "classes."
        ),
    ],
    "output": Annotated[
        str | None,
        typer.Option("--output-name", help="Which of several outputs, by name or position.", show_default="the first"),
    ],
}
_TRUST = Annotated[
    bool,
    typer.Option("--trust", help="Open files that run code when they are opened (.pt2, TorchScript, Python files)."),
]


def describes(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that describe a network; what they say is remembered before the command runs.

    Args:
        name: The command's parameter with the network's name or file, or with several. A parameter `access` tells it
            what it may open; an option that it has itself stays its own.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters
        options = {key: kind for key, kind in _OPTIONS.items() if key not in own}
        added = {
            key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for key, kind in options.items()
        }
        added["trust"] = inspect.Parameter("trust", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_TRUST)

        @wraps(command)
        def run(**given: Any) -> None:
            from lrviz.models.access import Access  # noqa: PLC0415

            access = Access(trust=given.pop("trust"))
            said = {key: given.pop(key) for key in options}
            if any(value is not None for value in said.values()):
                from lrviz.cli import describer  # noqa: PLC0415

                named = given[name] or []
                describer.remember_said([named] if isinstance(named, str) else named, said, access)
            command(**given, access=access)

        kept = {key: parameter for key, parameter in own.items() if key != "access"} | added
        run.__signature__ = inspect.Signature(list(kept.values()))  # type: ignore[attr-defined]
        run.__annotations__ = {key: parameter.annotation for key, parameter in kept.items()}
        return run

    return decorate
