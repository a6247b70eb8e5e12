"""Single images by reference: shipped samples, images of a data set, and files."""

import io
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from lrviz.errors import InvalidData, InvalidImage, UnreadableFile
from lrviz.files import shown
from lrviz.models.access import USER, Access
from lrviz.models.assets import assets_folder
from lrviz.models.datasets import CIFAR_NAMES, SPLITS, load_dataset

DATA_VARIABLE = "LRVIZ_DATA_DIR"
"""Environment variable that names the folder (or npz file) of the data sets."""

SIDE = 32

MAX_IMAGE_BYTES = 20 * 2**20
"""Largest image file that is read."""

_DETAIL = 16
"""Pixels of an upload for one of the image; more would cost memory and show nothing."""

MAX_PIXELS = 36_000_000
"""Most pixels of an image that is decoded, which then takes some 300 MB."""

_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_USER_HELP = "give samples:N, samples:cifar100:N, cifar10:test:N, cifar100:train:N, or the path of a PNG or JPEG file"
_VISITOR_HELP = "choose one from the gallery, or upload it there"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRecord:
    """An image and where it comes from.

    Attributes:
        reference: the text that finds it again.
        image: (3, 32, 32), 0 to 255.
        label: name of its class, if known.
        notice: what the user should know, such as that it was resized; None when nothing happened.
    """

    reference: str
    image: UInt8[np.ndarray, "3 32 32"]
    label: str | None = None
    notice: str | None = None

    def __post_init__(self) -> None:
        """Make the image read-only, so that it can be shared."""
        self.image.flags.writeable = False


@cache
def list_samples(name: str) -> tuple[ImageRecord, ...]:
    """Return the shipped sample images of a data set, in the order of its test set.

    Args:
        name: "cifar10" or "cifar100".

    Raises:
        InvalidImage: there are no samples of that name.
    """
    if name not in CIFAR_NAMES:
        raise InvalidImage(f"Expected samples of {' or '.join(CIFAR_NAMES)}, got {name!r}: choose one of them.")
    paths = sorted((assets_folder() / "samples").glob(f"{name}_*.png"))
    prefix = "samples" if name == "cifar10" else f"samples:{name}"
    return tuple(_read_sample(path, f"{prefix}:{index}") for index, path in enumerate(paths))


def _read_sample(path: Path, reference: str) -> ImageRecord:
    image = decode_image(path.read_bytes(), reference).image
    return ImageRecord(reference=reference, image=image, label=path.stem.split("_", 2)[2])


def load_image(reference: str | Path, *, data_path: Path | str | None = None, access: Access = USER) -> ImageRecord:
    """Load the image that a reference names.

    Args:
        reference: `samples:3` (a shipped CIFAR-10 sample, counted from 0), `samples:cifar100:3`,
            `cifar10:test:17` (an image of a data set on disk, counted from 0), an upload, or a path of a PNG or JPEG
            file.
        data_path: where the data sets are: a path that `lrviz.models.datasets.load_dataset` takes; the
            environment variable `LRVIZ_DATA_DIR` when None.
        access: which files may be named.

    Raises:
        InvalidImage: the reference names nothing, or the file is not a readable image.

    >>> load_image("samples:0").label
    'cat'
    """
    text = str(reference)
    if text.partition(":")[0] == "samples":
        return _load_sample(text, access)
    if text.partition(":")[0] in CIFAR_NAMES:
        return _load_from_dataset(text, data_path, access)
    try:
        with access.open(reference, MAX_IMAGE_BYTES) as file:
            data = file.read(MAX_IMAGE_BYTES + 1)
    except (UnreadableFile, OSError) as error:
        if access.is_visitor:
            raise InvalidImage(
                f"Expected an image that this server has, got {shown(text)}: {_VISITOR_HELP}."
            ) from error
        raise InvalidImage(
            f"Expected an image at {shown(text)}, found no readable file ({error}): {_USER_HELP}."
        ) from error
    return decode_image(data, text)


def decode_image(data: bytes, reference: str) -> ImageRecord:
    """Decode a PNG or JPEG file to 32 x 32 RGB, with a notice of what was changed.

    Args:
        data: the file's contents.
        reference: what to call the image.

    Raises:
        InvalidImage: the bytes are no PNG or JPEG image of 8 bits per channel, or it has more than `MAX_PIXELS`.
    """
    try:
        with _open(data) as file:
            _check_header(file, reference)
            notices = ["Of an animation, the first picture is shown."] if getattr(file, "is_animated", False) else []
            ImageOps.exif_transpose(file, in_place=True)
            image, more = _flatten_alpha(file)
    except InvalidImage:
        raise
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise InvalidImage(
            f"Expected a PNG or JPEG image in {shown(reference)}, got a file that cannot be decoded: save it again, or "
            "choose another."
        ) from error
    notices += more
    if image.size != (SIDE, SIDE):
        width, height = image.size
        cut = "it was" if width == height else "its central square was"
        notices.append(f"{reference} is {width} x {height} pixels: {cut} resized to {SIDE} x {SIDE}.")
    pixels = np.ascontiguousarray(_resize(image).transpose(2, 0, 1))
    return ImageRecord(reference=reference, image=pixels, notice=" ".join(notices) or None)


def _open(data: bytes) -> Image.Image:
    """Read the header of a PNG or JPEG file."""
    if len(data) > MAX_IMAGE_BYTES:
        raise InvalidImage(
            f"Expected an image file of up to {MAX_IMAGE_BYTES / 2**20:.0f} MB, got {len(data) / 2**20:,.0f} MB: "
            "save it smaller."
        )
    kind = PngImageFile if data.startswith(b"\x89PNG") else JpegImageFile
    return kind(io.BytesIO(data))


def _check_header(file: Image.Image, reference: str) -> None:
    """Refuse what would cost too much, before anything is decoded, and what would lose digits."""
    width, height = file.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            f"Expected at most {MAX_PIXELS:,} pixels in {shown(reference)}, got {width:,} x {height:,}: scale it down."
        )
    if file.mode not in _MODES:
        raise InvalidImage(
            f"Expected 8 bits per channel in {shown(reference)}, got the mode {file.mode}: save it as an 8-bit PNG or "
            "JPEG."
        )


def _resize(image: Image.Image) -> UInt8[np.ndarray, "32 32 3"]:
    """The central square in the right size, with anti-aliasing; large pictures are averaged in blocks before."""
    if image.size == (SIDE, SIDE):
        return np.asarray(image, dtype=np.uint8)
    from skimage.transform import resize  # noqa: PLC0415  slow to import, and only uploads need it

    side = min(image.size)
    left, top = ((extent - side) // 2 for extent in image.size)
    square = image.crop((left, top, left + side, top + side)).reduce(max(side // (_DETAIL * SIDE), 1))
    smooth = resize(np.asarray(square) / 255, (SIDE, SIDE), mode="edge", anti_aliasing=side > SIDE)
    return np.rint(255 * smooth).astype(np.uint8)


def _flatten_alpha(image: Image.Image) -> tuple[Image.Image, list[str]]:
    if not image.has_transparency_data:
        return image.convert("RGB"), []
    layer = image.convert("RGBA")
    background = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(background, layer).convert("RGB"), ["Transparent parts became white."]


def _load_sample(reference: str, access: Access) -> ImageRecord:
    match = re.fullmatch(r"samples:(?:(cifar100?):)?([0-9]{1,9})", reference)
    if match is None:
        raise InvalidImage(f"Expected samples:N or samples:cifar100:N, got {shown(reference)}: {_help(access)}.")
    samples = list_samples(match[1] or "cifar10")
    if int(match[2]) >= len(samples):
        raise InvalidImage(
            f"Expected a sample from 0 to {len(samples) - 1}, got {shown(reference)}: choose one of those, "
            "or name an image of a whole data set, such as cifar10:test:17."
        )
    return samples[int(match[2])]


def _load_from_dataset(reference: str, data_path: Path | str | None, access: Access) -> ImageRecord:
    match = re.fullmatch(rf"({'|'.join(CIFAR_NAMES)}):({'|'.join(SPLITS)}):([0-9]{{1,9}})", reference)
    if match is None:
        raise InvalidImage(f"Expected a reference such as cifar10:test:17, got {shown(reference)}: {_help(access)}.")
    try:
        return _find_in_dataset(reference, match[1], match[2], int(match[3]), data_path)
    except (InvalidImage, InvalidData) as error:
        if access.is_visitor:
            raise InvalidImage(
                f"Expected an image of a data set that this server has, got {shown(reference)}: {_VISITOR_HELP}."
            ) from error
        raise InvalidImage(f"Image {shown(reference)}: {error}") from error


def _find_in_dataset(reference: str, name: str, split: str, index: int, data_path: Path | str | None) -> ImageRecord:
    path = data_path or os.environ.get(DATA_VARIABLE)
    if not path:
        raise InvalidImage(
            f"Expected to know where {CIFAR_NAMES[name]} is: set the environment variable {DATA_VARIABLE} to its "
            "folder, or use a shipped image such as samples:0."
        )
    dataset = load_dataset(name, split, path, indices=[index])
    if dataset.name.split(" ")[0] != CIFAR_NAMES[name]:
        raise InvalidImage(
            f"Expected {CIFAR_NAMES[name]} at {path}, got {dataset.name}: set {DATA_VARIABLE} to the right place."
        )
    notice = None
    if dataset.name != CIFAR_NAMES[name]:
        notice = f"{reference} comes from {dataset.name}, which may be in another order than the original."
    return ImageRecord(
        reference=reference, image=dataset.images[0], label=dataset.classes[dataset.labels[0]], notice=notice
    )


def _help(access: Access) -> str:
    return _VISITOR_HELP if access.is_visitor else _USER_HELP
