import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from lrviz.errors import InvalidImage
from lrviz.models.images import DATA_VARIABLE, MAX_IMAGE_BYTES, decode_image, list_samples, load_image
from tests.tiny import make_dataset, write_archive, write_torchvision


def _save(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    image = image.convert(mode) if mode else image
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_samples_are_twenty_labelled_images(name):
    samples = list_samples(name)
    assert len(samples) == 20
    for sample in samples:
        assert sample.image.shape == (3, 32, 32)
        assert sample.image.std() > 5
        assert sample.notice is None
        np.testing.assert_array_equal(load_image(sample.reference).image, sample.image)


def test_first_samples_have_the_labels_of_the_test_sets():
    assert [sample.label for sample in list_samples("cifar10")[:5]] == ["cat", "ship", "ship", "airplane", "frog"]
    assert [sample.label for sample in list_samples("cifar100")[:3]] == ["mountain", "forest", "seal"]
    assert load_image("samples:3").label == load_image("samples:cifar10:3").label == "airplane"
    assert load_image("samples:cifar100:19").label == "orange"


def test_image_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        load_image("samples:0").image[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("samples:20", "from 0 to 19"),
        ("samples:-1", "samples:N"),
        ("samples:mnist:1", "samples:N"),
        ("cifar10:17", "such as cifar10:test:17"),
        ("cifar10:validation:17", "such as cifar10:test:17"),
        ("nowhere.png", "found no readable file"),
        (".", "found no readable file"),
    ],
)
def test_reference_that_names_nothing(reference, message):
    with pytest.raises(InvalidImage, match=message):
        load_image(reference)


def test_unknown_samples():
    with pytest.raises(InvalidImage, match="'mnist'"):
        list_samples("mnist")


def test_dataset_reference_needs_a_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(InvalidImage, match=DATA_VARIABLE):
        load_image("cifar10:test:0")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(InvalidImage, match=r"'cifar10:test:0'.*torchvision's layout"):
        load_image("cifar10:test:0")


def test_dataset_reference_in_torchvision_layout(monkeypatch, tmp_path):
    splits = {"train": make_dataset(20), "test": make_dataset(20, seed=1)}
    write_torchvision(tmp_path, CIFAR10, splits, monkeypatch)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    for split, dataset in splits.items():
        record = load_image(f"cifar10:{split}:17")
        np.testing.assert_array_equal(record.image, dataset.images[17])
        assert (record.label, record.notice) == ("horse", None)
    with pytest.raises(InvalidImage, match="positions from 0 to 19"):
        load_image("cifar10:test:20")


def test_dataset_reference_in_an_archive_tells_its_order(tmp_path):
    path = tmp_path / "data.npz"
    write_archive(path, {"train": make_dataset(20), "test": make_dataset(20, seed=1)})
    record = load_image("cifar10:test:3", data_path=path)
    assert record.label == "cat"
    assert "another order" in record.notice
    with pytest.raises(InvalidImage, match=r"Expected CIFAR-100 .* got CIFAR-10"):
        load_image("cifar100:test:3", data_path=path)


def test_file_of_the_right_size_is_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    record = load_image(_save(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(record.image, pixels.transpose(2, 0, 1))
    assert (record.label, record.notice) == (None, None)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_wide_image_keeps_its_central_square(tmp_path, suffix):
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, 32:96] = 200
    record = load_image(_save(tmp_path / f"wide.{suffix}", pixels))
    assert np.abs(record.image.astype(int)[:, :, 2:-2] - 200).max() <= 3
    assert "128 x 64 pixels: its central square was resized" in record.notice


def test_an_upload_is_not_called_by_its_hash():
    data = io.BytesIO()
    Image.fromarray(np.full((50, 50, 3), 90, np.uint8)).save(data, "png")
    record = decode_image(data.getvalue(), f"upload:{'0' * 32}.png")
    assert record.notice == "The uploaded image is 50 x 50 pixels: it was resized to 32 x 32."


def test_square_image_is_resized_without_a_cut(tmp_path):
    record = load_image(_save(tmp_path / "big.png", np.full((50, 50, 3), 90, np.uint8)))
    assert record.notice.endswith("50 x 50 pixels: it was resized to 32 x 32.")
    np.testing.assert_array_equal(record.image, np.full((3, 32, 32), 90))


def test_single_pixel_image(tmp_path):
    record = load_image(_save(tmp_path / "dot.png", np.full((1, 1, 3), 7, np.uint8)))
    np.testing.assert_array_equal(record.image, np.full((3, 32, 32), 7))


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_other_colour_modes_become_rgb(tmp_path, mode):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255
    record = load_image(_save(tmp_path / "mode.png", pixels, mode))
    np.testing.assert_array_equal(record.image, pixels.transpose(2, 0, 1))


def test_transparent_parts_become_white(tmp_path):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[16:, :, 3] = 255
    record = load_image(_save(tmp_path / "alpha.png", pixels))
    assert (record.image[:, :16] == 255).all()
    assert (record.image[:, 16:] == 0).all()
    assert record.notice == "Transparent parts became white."


def test_photograph_is_turned_upright(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: shown after a quarter turn clockwise
    record = load_image(_save(tmp_path / "turned.png", pixels, exif=exif))
    assert (record.image[:, :16] == 255).all()
    assert (record.image[:, 16:] == 0).all()


def test_sixteen_bit_image_is_refused(tmp_path):
    path = _save(tmp_path / "deep.png", np.zeros((32, 32), np.uint16))
    with pytest.raises(InvalidImage, match="8 bits per channel"):
        load_image(path)


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"not an image", _png()[:60], _png()[:40] + b"xxxx" + _png()[44:], b"GIF89a"])
def test_bytes_that_cannot_be_decoded(data):
    with pytest.raises(InvalidImage, match=r"'upload\.png'"):
        decode_image(data, "upload.png")


def png_header(width, height, colour_type=2, depth=8):
    """A PNG file whose header promises a picture, and which holds one row of it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 + 3 * width))), (b"IEND", b"")]
    data = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                    for kind, body in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("size", [(13_300, 13_300), (2**31 - 1, 2**31 - 1), (36_000_001, 1)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidImage, match=r"at most 36,000,000 pixels in 'bomb\.png', got"):
            decode_image(png_header(*size), "bomb.png")


def test_a_jpeg_of_too_many_pixels_is_refused(tmp_path):
    path = _save(tmp_path / "wide.jpg", np.zeros((601, 60_000), np.uint8), quality=1)
    with pytest.raises(InvalidImage, match="at most 36,000,000 pixels"):
        load_image(path)


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "long.png"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InvalidImage, match="1 TB, and at most 20 MB"):
        load_image(path)
    with pytest.raises(InvalidImage, match="up to 20 MB"):
        decode_image(bytes(MAX_IMAGE_BYTES + 1), "long.png")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(InvalidImage, match="found no readable file"):
        load_image(path)


@pytest.mark.parametrize("name", ["a\0b.png", "\ud800.png", "x" * 5000, "", "samples:" + "9" * 5000, "samples:٣",
                                  "cifar10:test:" + "9" * 5000, "cifar10:test:²"])  # fmt: skip
def test_odd_names_are_refused_in_a_short_sentence(name):
    with pytest.raises(InvalidImage) as caught:
        load_image(name)
    assert len(str(caught.value)) < 400


def test_of_an_animation_the_first_picture_is_taken(tmp_path):
    frames = [Image.fromarray(np.full((32, 32, 3), grey, np.uint8)) for grey in (10, 200)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    record = load_image(tmp_path / "moving.png")
    assert (record.image == 10).all()
    assert "first picture" in record.notice


def test_cmyk_becomes_rgb(tmp_path):
    grey = Image.fromarray(np.full((32, 32, 3), 255, np.uint8)).convert("CMYK")
    grey.save(tmp_path / "print.jpg")
    assert (load_image(tmp_path / "print.jpg").image >= 250).all()


@pytest.mark.parametrize("data", [_png()[:60], b"\xff\xd8\xff" + bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_no_message_shows_the_inside_of_the_program(data):
    with pytest.raises(InvalidImage) as caught:
        decode_image(data, "upload.png")
    assert "0x" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("side", [64, 500, 2000])
def test_fine_stripes_become_grey_and_coarse_ones_stay(tmp_path, side):
    fine, coarse = np.zeros((2, side, side, 3), np.uint8)
    fine[:, ::2], coarse[: side // 2] = 255, 255
    grey = load_image(_save(tmp_path / "fine.png", fine)).image.astype(int)
    assert np.abs(grey[:, 2:-2, 2:-2] - 127.5).max() <= 3
    halves = load_image(_save(tmp_path / "coarse.png", coarse)).image
    assert halves[:, :13].min() >= 250
    assert halves[:, 19:].max() <= 5


def test_small_images_are_enlarged_smoothly(tmp_path):
    ramp = np.zeros((8, 8, 3), np.uint8)
    ramp[:] = np.arange(0, 256, 32, dtype=np.uint8)[:, None]
    steps = np.diff(load_image(_save(tmp_path / "ramp.png", ramp)).image.astype(int), axis=2)
    assert (steps.min(), steps.max()) == (0, 8)


def test_inputs_that_are_no_images_are_noise_or_arrays(tmp_path):
    noise = load_image("noise:3", shape=(4, 6))
    assert np.array_equal(noise.image, load_image("noise:3", shape=(4, 6)).image)
    assert not np.array_equal(noise.image, load_image("noise:4", shape=(4, 6)).image)
    np.save(tmp_path / "x.npy", np.arange(24, dtype=np.float32).reshape(1, 4, 6))
    assert load_image(tmp_path / "x.npy", shape=(4, 6)).image.tolist() == np.arange(24.0).reshape(4, 6).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16])
def test_whole_numbers_in_the_shape_of_an_image_are_pixels(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(256, size=(3, 8, 8)).astype(kind)
    np.save(tmp_path / "x.npy", pixels)
    image = load_image(tmp_path / "x.npy", shape=(3, 8, 8)).image
    assert image.dtype == np.uint8 and image.tolist() == pixels.tolist()
    np.save(tmp_path / "x.npy", pixels.astype(np.int64) - 1)
    assert load_image(tmp_path / "x.npy", shape=(3, 8, 8)).image.dtype == np.float64
    np.save(tmp_path / "x.npy", np.arange(24).reshape(4, 6))
    assert load_image(tmp_path / "x.npy", shape=(4, 6)).image.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3)), r"array of shape \(4, 6\).*got \(2, 3\)"),
        (np.full((4, 6), np.nan), "finite real numbers"),
        (np.array([[None] * 6] * 4), "damaged or holds objects"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, values, message):
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    with pytest.raises(InvalidImage, match=message):
        load_image(tmp_path / "x.npy", shape=(4, 6))


@pytest.mark.parametrize("reference", ["noise:", "noise:-1", "noise:x", "noise:" + "9" * 99])
def test_noise_has_a_seed(reference):
    with pytest.raises(InvalidImage, match="Expected noise: and a whole number"):
        load_image(reference, shape=(4, 6))
