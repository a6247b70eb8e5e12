"""Single inputs by reference: shipped samples, images of a data set, image files, and inputs by numbers."""

import io
import os
import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from lrviz.arrays import describe
from lrviz.errors import InvalidData, InvalidImage, UnreadableFile
from lrviz.files import file_version, shown
from lrviz.models.access import USER, Access
from lrviz.models.assets import assets_folder
from lrviz.models.dataset_files import flatten_alpha
from lrviz.models.datasets import CIFAR_NAMES, SPLITS, load_dataset
from lrviz.models.library import is_upload
from lrviz.models.numbers import ARRAY, NOISE, POINT, decode_array, image_shape, read_numbers

DATA_VARIABLE = "LRVIZ_DATA_DIR"
"""Environment variable that names the folder (or npz file) of the data sets."""

SHAPE = (3, 32, 32)
"""Channels, height and width of images, if nothing else is asked for."""

MAX_IMAGE_BYTES = 20 * 2**20
"""Largest image file that is read."""

_PLAIN = 225
"""The grey of what stands for inputs that are no images."""

_DETAIL = 16
"""Pixels of an upload for one of the image; more would cost memory and show nothing."""

MAX_PIXELS = 36_000_000
"""Most pixels of an image that is decoded, which then takes some 300 MB."""

_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_USER_HELP = "give samples:N, samples:cifar100:N, cifar10:test:N, cifar100:train:N, or the path of a PNG or JPEG file"
_VISITOR_HELP = "choose one from the gallery, or upload it there"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRecord:
    """An image, or another input of a network, and where it comes from.

    Attributes:
        reference: The text that finds it again.
        image: The shape that was asked for, by default (3, 32, 32): 0 to 255 if it is an image, else any numbers.
        label: Name of its class, if known.
        notice: What the user should know, such as that it was resized; None when nothing happened.
    """

    reference: str
    image: UInt8[np.ndarray, "..."] | Float64[np.ndarray, "..."] = field(repr=False)
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
        InvalidImage: There are no samples of that name.
    """
    if name not in CIFAR_NAMES:
        raise InvalidImage(f"Expected samples of {' or '.join(CIFAR_NAMES)}, got {name!r}: choose one of them.")
    paths = sorted((assets_folder() / "samples").glob(f"{name}_*.png"))
    prefix = "samples" if name == "cifar10" else f"samples:{name}"
    return tuple(_read_sample(path, f"{prefix}:{index}") for index, path in enumerate(paths))


def _read_sample(path: Path, reference: str) -> ImageRecord:
    image = decode_image(path.read_bytes(), reference).image
    return ImageRecord(reference=reference, image=image, label=path.stem.split("_", 2)[2])


def load_image(
    reference: str | Path,
    *,
    shape: tuple[int, ...] = SHAPE,
    data_path: Path | str | None = None,
    access: Access = USER,
) -> ImageRecord:
    """Load the image that a reference names.

    Args:
        reference: `samples:3` (a shipped CIFAR-10 sample, counted from 0), `samples:cifar100:3`,
            `cifar10:test:17` (an image of a data set on disk, counted from 0), an upload, or a path of a PNG or JPEG
            file; or of an input that is no image the numbers, `point:0.5:-1`, the path of a .npy file with them, or
            `noise:3`, standard normal ones from a seed.
        shape: What it is resized to, with a notice: a network's `input_shape`.
        data_path: Where the data sets are: a path that `lrviz.models.datasets.load_dataset` takes; the
            environment variable `LRVIZ_DATA_DIR` when None.
        access: Which files may be named.

    Raises:
        InvalidImage: The reference names nothing, the file is not a readable image, or no image has that shape.

    >>> load_image("samples:0").label
    'cat'
    >>> load_image("point:0.5:-1", shape=(2,)).image.tolist()
    [0.5, -1.0]
    """
    if not isinstance(reference, str | Path):
        raise InvalidImage(f"Expected a text that names an image, got {describe(reference)}: {_USER_HELP}.")
    text = str(reference)
    if text.startswith((POINT, NOISE)):
        return ImageRecord(reference=text, image=read_numbers(text, shape))
    if text.partition(":")[0] == "samples":
        return fit_image(_load_sample(text, access), shape)
    if text.partition(":")[0] in CIFAR_NAMES:
        return fit_image(_load_from_dataset(text, data_path, access), shape)
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
    if text.endswith(ARRAY):
        return ImageRecord(reference=text, image=decode_array(data, text, shape))
    return decode_image(data, text, shape)


def changed_at(reference: str, *, access: Access = USER) -> int:
    """A number that is another one once the file of an image was replaced; 0 for what is no file, or not there."""
    try:
        return file_version(access.locate(reference, MAX_IMAGE_BYTES))
    except (UnreadableFile, OSError):
        return 0


def decode_image(data: bytes, reference: str, shape: tuple[int, ...] = SHAPE) -> ImageRecord:
    """Decode a PNG or JPEG file, with a notice of what was changed.

    Args:
        data: The file's contents.
        reference: What to call the image.
        shape: What a network takes: channels, height and width, or as many numbers in a row.

    Raises:
        InvalidImage: The bytes are no PNG or JPEG image of 8 bits per channel, or it has more than `MAX_PIXELS`.
    """
    try:
        with _open(data) as file:
            _check_header(file, reference)
            notices = ["Of an animation, the first picture is shown."] if getattr(file, "is_animated", False) else []
            ImageOps.exif_transpose(file, in_place=True)
            more = ["Transparent parts became white."] if file.has_transparency_data else []
            image = flatten_alpha(file)
    except InvalidImage:
        raise
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise InvalidImage(
            f"Expected a PNG or JPEG image in {shown(reference)}, got a file that cannot be decoded: save it again, or "
            "choose another."
        ) from error
    pixels, resized = _fit(image, reference, shape)
    return ImageRecord(reference=reference, image=pixels, notice=" ".join([*notices, *more, *resized]) or None)


def fit_image(record: ImageRecord, shape: tuple[int, ...]) -> ImageRecord:
    """An image in the shape that a network takes, with a notice of what was changed.

    Raises:
        InvalidImage: Images cannot have that shape.
    """
    if record.image.shape == shape:
        return record
    if record.image.dtype != np.uint8 or record.image.ndim != 3:
        raise InvalidImage(
            f"Expected an input of shape {shape}, got {shown(record.reference)} of shape {record.image.shape}: choose "
            "another."
        )
    picture = record.image.transpose(1, 2, 0)
    image = Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0])
    pixels, notices = _fit(image, record.reference, shape)
    notice = " ".join([*([record.notice] if record.notice else []), *notices]) or None
    return replace(record, image=pixels, notice=notice)


def as_picture(values: np.ndarray) -> UInt8[np.ndarray, "3 height width"]:
    """What to show of an input: the image in colour, or a plain square for numbers that are none."""
    wanted = image_shape(values.shape)
    if wanted is None or values.dtype != np.uint8:
        return np.full(SHAPE, _PLAIN, np.uint8)
    return np.ascontiguousarray(np.broadcast_to(values.reshape(wanted), (3, *wanted[1:])))


def _fit(image: Image.Image, reference: str, shape: tuple[int, ...]) -> tuple[UInt8[np.ndarray, "..."], list[str]]:
    wanted = image_shape(shape)
    if wanted is None:
        listed = " x ".join(map(str, shape))
        raise InvalidImage(
            f"Expected numbers for a network whose inputs are {listed} and no images, got {shown(reference)}: give "
            f"{POINT} and the numbers, such as {POINT}{':'.join(['0.5'] * min(shape[0], 2))}, the path of a {ARRAY} "
            f"file with them, or {NOISE}0."
        )
    channels, height, width = wanted
    notices = []
    if image.size != (width, height):
        before, part = image.size, _central(image.size, (width, height))
        cut = "it was" if part == (0, 0, *before) else "its central part was"
        if part[2] - part[0] == part[3] - part[1] and before[0] != before[1]:
            cut = "its central square was"
        named = "The uploaded image" if is_upload(reference) else reference
        notices.append(f"{named} is {before[0]} x {before[1]} pixels: {cut} resized to {width} x {height}.")
    if channels == 1:
        if image.mode != "L" and np.ptp(np.asarray(image), axis=2).any():
            notices.append("Colours became grey.")
        image = image.convert("L")
    pixels = _resize(image, (width, height))
    stacked = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(stacked).reshape(shape), notices


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


def _central(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest central part of an image of a size (width, height) that has the proportions of another."""
    scale = min(have / want for have, want in zip(size, wanted, strict=True))
    width, height = (min(max(round(scale * want), 1), have) for have, want in zip(size, wanted, strict=True))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def _resize(image: Image.Image, size: tuple[int, int]) -> UInt8[np.ndarray, "..."]:
    """The central part in the right size, with anti-aliasing; large pictures are averaged in blocks before."""
    if image.size == size:
        return np.asarray(image, dtype=np.uint8)
    from skimage.transform import resize  # noqa: PLC0415  slow to import, and few images need it

    part = image.crop(_central(image.size, size))
    blocks = max(min(part.size[0] // (_DETAIL * size[0]), part.size[1] // (_DETAIL * size[1])), 1)
    pixels = np.asarray(part.reduce(blocks)) / 255
    smooth = resize(pixels, size[::-1], mode="edge", anti_aliasing=part.size[0] > size[0] or part.size[1] > size[1])
    return np.rint(255 * smooth).astype(np.uint8)


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
