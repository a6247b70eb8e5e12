"""Files made to do harm: none runs anything, takes more memory than its size, or tells what else is on the machine."""

import io
import os
import pickle
import resource
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lrviz.errors import InvalidCheckpoint, InvalidImage, InvalidNetwork, LrvizError, UnknownModel
from lrviz.models.access import FOLDERS_VARIABLE, TRUST_VARIABLE, visitor
from lrviz.models.catalogue import load_model
from lrviz.models.images import load_image
from lrviz.models.library import FOLDER_VARIABLE, Library
from lrviz.models.multilayer import find_mlp
from lrviz.network.allocation import bounded


class Harm:
    """Unpickling one makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """What is there afterwards if code was run."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    return tmp_path / "harm"


STATE = {"0.weight": torch.ones(3, 2), "0.bias": torch.zeros(3)}
ARCHIVES = {
    "pickle": lambda harm, file: file.write(pickle.dumps(harm)),
    "old file": lambda harm, file: torch.save({"net": STATE, "x": harm}, file, _use_new_zipfile_serialization=False),
    "archive": lambda harm, file: torch.save({"net": STATE, "x": harm}, file),
    "tensor's class": lambda harm, file: torch.save([harm, STATE], file),
    "network": lambda harm, file: torch.save(HarmfulNetwork(harm), file),
}


class HarmfulNetwork(nn.Linear):
    """A network that was saved whole with something else in it."""

    def __init__(self, harm):
        super().__init__(2, 3)
        self.harm = harm


@pytest.mark.parametrize("write", ARCHIVES.values(), ids=ARCHIVES)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th", ".ckpt", ".bin", ".tar", ".safetensors", ".onnx"])
@pytest.mark.parametrize("trust", [False, True])
def test_nothing_is_ever_unpickled(tmp_path, mark, write, suffix, trust):
    path = tmp_path / f"net{suffix}"
    with path.open("wb") as file:
        write(Harm(mark), file)
    with pytest.raises(InvalidCheckpoint) as caught:
        load_model(path, trust=trust)
    assert not mark.exists()
    assert len(str(caught.value)) < 600


def poisoned_program(path, mark):
    """An exported program with a pickle among its parts."""
    clean = io.BytesIO()
    torch.export.save(torch.export.export(nn.Linear(2, 3).eval(), (torch.zeros(1, 2, device="cpu"),)), clean)
    with zipfile.ZipFile(clean) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            harmful = "sample_inputs" in name or name.endswith("weight")
            after.writestr(name, pickle.dumps(Harm(mark)) if harmful else before.read(name))


@pytest.mark.parametrize("name", ["net.pt2", "net.pt", "net.pth"])
def test_an_exported_program_is_not_opened_without_trust(tmp_path, mark, name):
    poisoned_program(tmp_path / name, mark)
    with pytest.raises(InvalidCheckpoint, match=r"exported program, which can run code.*--trust"):
        load_model(tmp_path / name)
    with pytest.raises(InvalidCheckpoint, match=f"ask who runs this server whether to set {TRUST_VARIABLE}=1"):
        load_model(str(tmp_path / name), access=visitor())
    assert not mark.exists()


def test_torchscript_is_not_opened(tmp_path, mark):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.Linear(2, 3), torch.zeros(1, 2, device="cpu")), tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=r"TorchScript program, which can run code.*torch\.onnx\.export"):
        load_model(tmp_path / "net.pt")


def test_the_operator_s_word_lets_visitors_open_exported_programs_but_no_python_files(tmp_path, mark, monkeypatch):
    exported = torch.export.export(nn.Linear(2, 3).eval(), (torch.zeros(1, 2, device="cpu"),))
    torch.export.save(exported, tmp_path / "net.pt2")
    torch.save(STATE, tmp_path / "net.pth")
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    assert load_model(str(tmp_path / "net.pt2"), access=visitor()).input_shape == (2,)
    (tmp_path / "net.py").write_text(f"import os\nos.mkdir({str(mark)!r})")
    with pytest.raises(InvalidCheckpoint, match="only the command line runs"):
        load_model(str(tmp_path / "net.pth"), architecture=f"{tmp_path / 'net.py'}:build", access=visitor())
    with pytest.raises(InvalidCheckpoint, match="add --trust"):
        load_model(tmp_path / "net.pth", architecture=f"{tmp_path / 'net.py'}:build")
    assert not mark.exists()


def peak():
    """Most memory that this process ever took, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def zip_bomb(path):
    """An archive that would unpack to 768 MB, from 1 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}))
        with archive.open("net/data/0", "w", force_zip64=True) as member:
            for _ in range(48):
                member.write(bytes(2**24))


def expanded(path):
    torch.save({"w": torch.ones(1, device="cpu").expand(10**6, 10**6)}, path)


def sparse(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places, values = torch.zeros(2, 1, dtype=torch.int64, device="cpu"), torch.ones(1, device="cpu")
        torch.save({"w": torch.sparse_coo_tensor(places, values, (10**6, 10**6))}, path)


def lying_storage(path):
    """A file of the old kind whose description promises a terabyte."""
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(1234567, device="cpu")}, buffer, _use_new_zipfile_serialization=False)
    size = struct.pack("<i", 1234567)
    path.write_bytes(buffer.getvalue()[:4000].replace(size, struct.pack("<i", 2**31 - 1)))


LARGE = {"zip bomb": zip_bomb, "one number many times": expanded, "sparse": sparse, "promised": lying_storage}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_files_that_would_unpack_to_more_than_they_hold_are_refused(tmp_path, make):
    make(tmp_path / "net.pth")
    before = peak()
    with pytest.raises(InvalidCheckpoint, match="Expected"):
        load_model(tmp_path / "net.pth")
    assert peak() < before + 500


def test_a_header_of_safetensors_that_lies_is_refused(tmp_path):
    header = b'{"0.weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    (tmp_path / "net.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(100))
    with pytest.raises(InvalidCheckpoint, match="header does not fit"):
        load_model(tmp_path / "net.safetensors")


@pytest.mark.parametrize("architecture", ["cnn5(width=4096, num_classes=100000)", "resnet34(width=4096)",
                                          "torchvision:resnet18(width_per_group=100000)",
                                          "torchvision:vgg19(num_classes=100000)"])  # fmt: skip
def test_an_architecture_that_would_need_a_terabyte_allocates_nothing(tmp_path, architecture):
    torch.save(STATE, tmp_path / "net.pth")
    before = peak()
    with pytest.raises((InvalidCheckpoint, UnknownModel)):
        load_model(tmp_path / "net.pth", architecture=architecture)
    assert peak() < before + 500


def test_an_input_that_would_need_a_terabyte_is_refused_before_it_is_allocated(tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()).state_dict(), tmp_path / "net.pth")
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef build(): return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())"
    )
    with pytest.raises(InvalidNetwork, match="at most 33,554,432 numbers"):
        load_model(
            tmp_path / "net.pth", architecture=f"{tmp_path}/net.py:build", trust=True, input_shape=(1, 10**6, 10**6)
        )


def test_steps_are_bounded_before_they_run():
    with bounded(1000), pytest.raises(InvalidNetwork, match="at most 1,000 numbers for one input, got aten"):
        torch.ones(50, 1, device="cpu") @ torch.ones(1, 50, device="cpu")
    with bounded(1000):
        assert torch.ones(3, device="cpu").nonzero().tolist() == [[0], [1], [2]]


def test_a_picture_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    image = Image.fromarray(np.zeros((1, 1), np.uint8))
    image.save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", 50_000, 50_000)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InvalidImage):
        load_image(tmp_path / "a.png", shape=(1, 28, 28))


def test_an_upload_is_opened_by_its_reference_and_remembered_in_the_library(tmp_path, mark):
    buffer = io.BytesIO()
    torch.save(STATE, buffer)
    reference = Library.of_user().keep(buffer.getvalue(), ".pth")
    assert load_model(reference, access=visitor()).input_shape == (2,)
    for other in ("upload:" + "0" * 32 + ".pth", "upload:../net.pth", "/etc/passwd.pth"):
        with pytest.raises(LrvizError, match="a model that this server has"):
            load_model(other, access=visitor())


def test_names_of_many_parts_take_no_memory():
    tensors = {"a." * 5_000 + "weight": torch.ones(2, 2, device="cpu")}
    tracemalloc.start()
    try:
        find_mlp(tensors)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
