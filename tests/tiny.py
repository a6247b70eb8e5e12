"""Tiny data sets in the formats that lrviz reads."""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from lrviz.models.datasets import CIFAR10_CLASSES, Dataset

CIFAR100_CLASSES = ("apple", "aquarium_fish", *(f"class{number}" for number in range(2, 100)))


def make_dataset(num_images: int = 40, *, seed: int = 0, classes: tuple[str, ...] = CIFAR10_CLASSES) -> Dataset:
    """Images of one grey level per class, with a little noise: easy to learn, different from each other."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % len(classes)
    level = 20 + 200 * labels[:, None, None, None] // len(classes)
    noise = generator.integers(-15, 16, size=(num_images, 3, 32, 32))
    return Dataset(name="tiny", images=(level + noise).astype(np.uint8), labels=labels, classes=classes)


def write_archive(path: Path, splits: dict[str, Dataset]) -> None:
    """Write data sets as an npz file of JPEG bytes."""
    fields: dict[str, np.ndarray] = {}
    for split, dataset in splits.items():
        files = [_encode_jpeg(image) for image in dataset.images]
        fields[f"{split}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        fields[f"{split}_offsets"] = np.cumsum([0, *(len(file) for file in files)])
        fields[f"{split}_labels"] = dataset.labels
        fields["classes"] = np.array(dataset.classes)
    np.savez(path, **fields)


def _encode_jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_torchvision(folder: Path, source: type, splits: dict[str, Dataset], monkeypatch) -> None:
    """Write data sets in torchvision's layout, and let `source` (CIFAR10 or CIFAR100) expect their checksums."""
    base = folder / source.base_folder
    base.mkdir(parents=True)
    for split, dataset in splits.items():
        listed = getattr(source, f"{split}_list")
        label_key = "labels" if source.__name__ == "CIFAR10" else "fine_labels"
        content = {"data": dataset.images.reshape(len(dataset), -1), label_key: dataset.labels.tolist()}
        monkeypatch.setattr(source, f"{split}_list", [[listed[0][0], _write_pickle(base / listed[0][0], content)]])
        meta = {source.meta["key"]: list(dataset.classes)}
        digest = _write_pickle(base / source.meta["filename"], meta)
        monkeypatch.setattr(source, "meta", {**source.meta, "md5": digest})


def _write_pickle(path: Path, content: object) -> str:
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()
