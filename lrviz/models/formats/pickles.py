"""Files of `torch.save`: their tensors are read by PyTorch's restricted reader, and nothing in them is ever run."""

import sys
import threading
import warnings
import zipfile
from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, BinaryIO

import torch
from torch import Tensor

from lrviz.errors import InvalidCheckpoint
from lrviz.files import shown

MAX_PICKLE_BYTES = 64 * 2**20
"""Most bytes of the description of a file's tensors."""

_MAX_SHARING = 4
"""Tensors may share their numbers, as tied weights do, so that together they are this many times the file's size."""

_PASSIVE = (
    "numpy.",
    "argparse.",
    "pathlib.",
    "collections.",
    "typing.",
    "datetime.",
    "enum.",
    "torch.optim.",
    "omegaconf.",
    "pytorch_lightning.",
    "lightning.",
    "lightning_fabric.",
    *(f"builtins.{name}" for name in ("list", "dict", "set", "tuple", "int", "float", "str", "bool")),
)
"""Where what stands beside the tensors of many checkpoints comes from: it is replaced by what does nothing."""

_NETWORK = "torch.nn.modules."
"""Where the parts of networks come from. A file of `torch.save` with a whole network asks for the classes of its user
as well; all of them are replaced by what does nothing, and the weights are taken out."""

_LOADING = threading.Lock()
"""PyTorch keeps one list of what its restricted reader may build."""


class Kind(StrEnum):
    """What a zip file of PyTorch holds."""

    TENSORS = "tensors"
    SCRIPT = "a TorchScript program"
    EXPORTED = "an exported program"


def find_kind(file: BinaryIO) -> Kind:
    """What a file holds, told by the names in its archive; one that is no archive can only hold tensors.

    Raises:
        InvalidCheckpoint: It unpacks to more than it holds.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except Exception:  # zipfile raises many kinds for what is no archive
        return Kind.TENSORS
    finally:
        file.seek(0)
    names = [member.filename.partition("/")[2] or member.filename for member in members]
    if any(name.startswith("code/") or name == "constants.pkl" for name in names):
        return Kind.SCRIPT
    if any(
        name in ("archive_format", "serialized_exported_program.json") or name.startswith("models/")
        for name in (*names, *(member.filename for member in members))
    ):
        return Kind.EXPORTED
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InvalidCheckpoint(
            "Expected an archive whose members are not compressed, as torch.save writes it; got another one: save it "
            "again with torch.save."
        )
    if any(member.filename.endswith("data.pkl") and member.file_size > MAX_PICKLE_BYTES for member in members):
        raise InvalidCheckpoint(
            f"Expected a description of up to {MAX_PICKLE_BYTES / 2**20:.0f} MB in the archive, got a larger one: save "
            "the state dict only."
        )
    return Kind.TENSORS


def read_pickled(file: BinaryIO) -> Any:
    """The containers and tensors of a file of `torch.save`; what else is beside them is replaced by `Passive` objects.

    Raises:
        InvalidCheckpoint: It is damaged, or holds objects that only running its code could build.
    """
    _refuse_foreign(_foreign_names(file))
    try:
        with _LOADING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            passive: list[Any] = [(_passive_class(name), name) for name in _foreign_names(file)]
            with torch.serialization.safe_globals(passive):
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises many kinds for a damaged file
        raise _unreadable(error) from error


def pickled_layers(file: BinaryIO) -> frozenset[str]:
    """The kinds of PyTorch's layers, such as "Linear", in a file that holds a whole network; none if it does not."""
    names = (name for name in _foreign_names(file) if name.startswith(_NETWORK))
    return frozenset(name.rpartition(".")[2] for name in names)


def _foreign_names(file: BinaryIO) -> list[str]:
    """The names of classes and functions that a file asks for and PyTorch does not build by itself."""
    file.seek(0)
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(file)  # type: ignore[arg-type]
    except Exception:  # a file of the old kind, or a damaged one
        return []
    finally:
        file.seek(0)


def _refuse_foreign(names: list[str]) -> None:
    active = [name for name in names if not name.startswith(_PASSIVE)]
    if any(name.startswith(_NETWORK) for name in names):  # classes of its user are no harm, as they are replaced
        active = [name for name in active if name.partition(".")[0] in sys.stdlib_module_names]
    if active:
        raise InvalidCheckpoint(
            f"Expected tensors only, got a file that asks for {', '.join(map(shown, active[:4]))}, which is code: it "
            "was not run. Save the weights alone, by safetensors.torch.save_file(model.state_dict(), ...), or export "
            "the network by torch.onnx.export."
        )


def _unreadable(error: Exception) -> InvalidCheckpoint:
    if "allowed global" in str(error) or "Unsupported global" in str(error):
        return InvalidCheckpoint(
            "Expected tensors only, got a file with other objects, which would be code: it was not run. Save the "
            "weights alone, by safetensors.torch.save_file(model.state_dict(), ...)."
        )
    return InvalidCheckpoint(
        "Expected a file of torch.save, got one that is damaged, or a pickle of another kind, which was not run: "
        "save the state dict again, by torch.save or safetensors."
    )


def _passive_class(name: str) -> type:
    """A class whose objects take whatever they are given and do nothing with it."""

    def ignore(self: Any, *_: Any, **__: Any) -> None: ...

    return type(name.rpartition(".")[2], (Passive,), {"__module__": name.rpartition(".")[0], "__init__": ignore})


class Passive:
    """What an object beside the tensors becomes; its attributes are kept, but nothing looks them up by itself.

    Attributes:
        state: By name.
    """

    state: Mapping[str, Any] = MappingProxyType({})

    def __new__(cls, *_: Any, **__: Any) -> "Passive":
        """Take whatever an object is made from."""
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Keep what unpickling would make attributes of."""
        object.__setattr__(self, "state", state if isinstance(state, dict) else {})

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None:
        """Take an entry, as lists do."""

    def extend(self, values: Any) -> None:
        """Take entries, as lists do."""


def check_sizes(tensors: Collection[Tensor], size: int) -> None:
    """Refuse tensors that are no dense numbers, or name the same few numbers of a file many times over.

    Args:
        tensors: Those of a file.
        size: Its bytes.

    Raises:
        InvalidCheckpoint: They are.
    """
    for tensor in tensors:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise InvalidCheckpoint("Expected dense tensors, got a sparse or quantised one: convert it and save again.")
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if total > _MAX_SHARING * size:
        raise InvalidCheckpoint(
            f"Expected tensors of the size of their file, got {total / 2**20:,.0f} MB from {size / 2**20:,.1f} MB: "
            "save contiguous tensors."
        )
