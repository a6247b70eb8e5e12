"""Tiny data sets in the formats that lrviz reads."""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from lrviz.models.datasets import CIFAR10_CLASSES, Dataset

CIFAR100_CLASSES = ("apple", "aquarium_fish", *(f"class{number}" for number in range(2, 100)))


def make_dataset(
    num_images: int = 40, *, seed: int = 0, classes: tuple[str, ...] = CIFAR10_CLASSES, name: str = "tiny"
) -> Dataset:
    """Images of one grey level per class, with a little noise: easy to learn, different from each other."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % len(classes)
    level = 20 + 200 * labels[:, None, None, None] // len(classes)
    noise = generator.integers(-15, 16, size=(num_images, 3, 32, 32))
    return Dataset(name=name, images=(level + noise).astype(np.uint8), labels=labels, classes=classes)


def write_archive(path: Path, splits: dict[str, Dataset], form: str = "JPEG", **options: object) -> None:
    """Write data sets as an npz file of encoded images, JPEG bytes under their older name."""
    fields: dict[str, np.ndarray] = {}
    for split, dataset in splits.items():
        files = [encode(image, form, **options) for image in dataset.images]
        name = f"{split}_jpeg" if form == "JPEG" else f"{split}_images"
        fields[name] = np.frombuffer(b"".join(files), np.uint8)
        fields[f"{split}_offsets"] = np.cumsum([0, *(len(file) for file in files)])
        fields[f"{split}_labels"] = dataset.labels
        fields["classes"] = np.array(dataset.classes)
    np.savez(path, **fields)


def encode(image: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """Return an image (3, H, W) as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(buffer, form, **({"quality": 95} | options))
    return buffer.getvalue()


def write_class_folders(folder: Path, splits: dict[str, Dataset]) -> None:
    """Write data sets as PNG files, a folder for each class."""
    for split, dataset in splits.items():
        for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
            path = folder / split / dataset.classes[label] / f"{index:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(image))


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
