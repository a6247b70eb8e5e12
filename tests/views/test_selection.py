"""What texts select: models by name, pattern, file and folder; paths by kind and images."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from lrviz.errors import InvalidData, InvalidImage, InvalidPath, InvalidRequest, UnknownModel
from lrviz.models.catalogue import list_models, load_model, models_folder, remember
from lrviz.models.datasets import load_dataset
from lrviz.models.images import DATA_VARIABLE, load_image
from lrviz.models.paths import closed_path
from lrviz.models.recipes import TrainConfig
from lrviz.models.train import prepare_data, train
from lrviz.views import sources
from lrviz.views.selection import PathsSpec, find_models, find_paths
from tests.tiny import make_dataset, write_archive

CARD = load_model("cnn5-w1-noise20").card
CONFIG = TrainConfig(
    family="cnn5", width=1, epochs=1, decay_epochs=0, batch_size=16, label_noise=0.2, subset=30, seed=3
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "cifar10_jpeg.npz"
    write_archive(path, {"train": make_dataset(60), "test": make_dataset(20, seed=1)})
    return path


@pytest.fixture(scope="module")
def card(archive, tmp_path_factory):
    sets = (load_dataset("cifar10", split, archive) for split in ("train", "test"))
    return train(CONFIG, *sets, checkpoint_path=tmp_path_factory.mktemp("models") / "net.safetensors")


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("text", "kind", "source", "indices"),
    [
        ("closed:samples:0-3", "closed", "samples", (0, 1, 2, 3)),
        ("closed:samples:3", "closed", "samples", (3,)),
        ("open:samples:cifar100:0-1,7", "open", "samples:cifar100", (0, 1, 7)),
        ("images:test:9,2,4", "images", "test", (9, 2, 4)),
        ("triplet:train:noisy:0-2", "triplet", "train:noisy", (0, 1, 2)),
        ("closed:cifar10:test:0-63", "closed", "cifar10:test", tuple(range(64))),
        ("closed:cifar100:train:7", "closed", "cifar100:train", (7,)),
        ("closed:random:2,0", "closed", "random", (2, 0)),
        ("images:test:cat:0-1", "images", "test:cat", (0, 1)),
        ("images:test:3:0", "images", "test:3", (0,)),
        ("attack:test:5", "attack", "test", (5,)),
        ("direction:train:clean:5", "direction", "train:clean", (5,)),
    ],
)
def test_texts_that_select_paths(text, kind, source, indices):
    spec = PathsSpec.parse(text, num_anchors=5, radius=2.5)
    assert (spec.kind, spec.source, spec.indices) == (kind, source, indices)
    assert (spec.num_anchors, spec.radius) == (5, 2.5)
    assert PathsSpec.parse(spec.text, num_anchors=5, radius=2.5) == spec


@pytest.mark.parametrize(
    "text",
    [
        "", "closed", "closed:samples", "closed:samples:", "round:samples:0", "closed:train:0", "closed:samples:a",
        "closed:samples:3-1", "closed:samples:1,1", "closed:samples:-1", "triplet:samples:0,1", "triplet:samples:0-3",
        "closed:cifar10:valid:0", "closed:cifar10:0", "closed:samples:0-", "closed:samples:0 ",
        "closed:samples:0-999999999999", "closed:samples:0-999999999", "closed:samples:٣",
        "closed:samples:" + "9" * 5000,
    ],
)  # fmt: skip
def test_texts_that_select_none(text):
    with pytest.raises(InvalidRequest, match="Expected") as caught:
        PathsSpec.parse(text)
    assert len(str(caught.value)) < 400


def test_every_sample_has_a_closed_path_of_its_own():
    spec = PathsSpec.parse("closed:samples:cifar100:2,0", num_anchors=4, radius=3)
    found = find_paths(spec, CARD)
    assert [path.images for path in found] == ["samples:cifar100:2", "samples:cifar100:0"]
    assert found[0][1:6] == ("samples-cifar100", "samples:cifar100:2", 2, 4, 3.0)
    expected = closed_path(load_image("samples:cifar100:2").image, 4, 3)
    np.testing.assert_array_equal(found[0].path.points, expected.points)


def test_a_triplet_is_one_path():
    (found,) = find_paths(PathsSpec.parse("triplet:samples:4,0,2"), CARD)
    assert found[1:6] == ("samples", "samples:4,0,2", 4, 3, 0.0)
    np.testing.assert_array_equal(found.path.points[1], load_image("samples:0").image)


def test_test_images_are_those_of_the_models_data_set(archive, card, monkeypatch):
    spec = PathsSpec.parse("images:test:3,5")
    (found,) = find_paths(spec, card, archive)
    np.testing.assert_array_equal(found.path.points, load_dataset("cifar10", "test", archive, indices=[3, 5]).images)
    assert found.image_kind == "test"
    monkeypatch.setenv(DATA_VARIABLE, str(archive.parent))
    np.testing.assert_array_equal(find_paths(spec, card)[0].path.points, found.path.points)


def test_clean_and_noisy_training_images_are_told_apart(archive, card):
    prepared, moved = prepare_data(CONFIG, load_dataset("cifar10", "train", archive))
    assert moved.sum() == 6
    for source, chosen in (("clean", ~moved), ("noisy", moved)):
        (found,) = find_paths(PathsSpec.parse(f"images:train:{source}:0-5"), card, archive)
        np.testing.assert_array_equal(found.path.points, prepared.images[chosen][:6])
        assert (found.image_kind, found.images) == (f"train-{source}", f"train:{source}:0,1,2,3,4,5")
    with pytest.raises(InvalidImage, match="images from 0 to 5 of net, got 6"):
        find_paths(PathsSpec.parse("closed:train:noisy:4-6"), card, archive)


def test_the_data_set_of_another_model_is_refused(archive, card, tmp_path):
    other = tmp_path / "other.npz"
    write_archive(other, {"train": make_dataset(60, classes=tuple("abcdefghij"))})
    with pytest.raises(InvalidData, match=r"Expected CIFAR-10 \(JPEG-compressed copy\), which"):
        find_paths(PathsSpec.parse("closed:train:clean:0"), card, other)


def test_test_images_of_one_class(archive, card):
    test_set = load_dataset("cifar10", "test", archive)
    (found,) = find_paths(PathsSpec.parse("images:test:cat:1,0"), card, archive)
    expected = test_set.images[test_set.labels == test_set.classes.index("cat")]
    np.testing.assert_array_equal(found.path.points, expected[[1, 0]])
    assert (found.image_kind, found.images) == ("test-cat", "test:cat:1,0")
    with pytest.raises(InvalidImage, match=r"such as airplane, automobile, bird; got .?unicorn"):
        find_paths(PathsSpec.parse("closed:test:unicorn:0"), card, archive)
    with pytest.raises(InvalidImage, match="images from 0 to 1 of net, got 2"):
        find_paths(PathsSpec.parse("closed:test:cat:0-2"), card, archive)


def test_images_of_a_named_data_set(archive, card):
    for split in ("test", "train"):
        (found,) = find_paths(PathsSpec.parse(f"images:cifar10:{split}:4,1"), card, archive)
        expected = load_dataset("cifar10", split, archive, indices=[4, 1]).images
        np.testing.assert_array_equal(found.path.points, expected)
        assert (found.image_kind, found.images) == (f"cifar10-{split}", f"cifar10:{split}:4,1")


def test_random_images_have_the_statistics_of_the_pixels_and_no_structure():
    (found,) = find_paths(PathsSpec.parse("images:random:0-39"), CARD)
    pixels = found.path.points / 255
    assert found.image_kind == "random"
    # Clipping to the range of pixels takes a little off: compare with clipped normal numbers.
    normal = np.random.default_rng(0).normal(size=100_000)
    for channel, mean, std in zip(range(3), CARD.mean, CARD.std, strict=True):
        expected = np.clip(mean + std * normal, 0, 1)
        assert pixels[:, channel].mean() == pytest.approx(expected.mean(), abs=0.005)
        assert pixels[:, channel].std() == pytest.approx(expected.std(), abs=0.005)
    left, right = pixels[..., :-1].ravel(), pixels[..., 1:].ravel()
    across = np.corrcoef(left, right)[0, 1]
    assert abs(across) < 0.05
    (again,) = find_paths(PathsSpec.parse("images:random:39,0"), CARD)
    np.testing.assert_array_equal(again.path.points, found.path.points[[39, 0]])


def test_a_direction_goes_as_far_as_it_is_told():
    found = find_paths(PathsSpec.parse("direction:samples:0-1", radius=0.25), CARD)
    for index, path in enumerate(found):
        start, end = path.path.points
        np.testing.assert_allclose(start, load_image(f"samples:{index}").image / 255)
        assert np.linalg.norm(end - start) == pytest.approx(0.25)
        assert path[1:6] == ("samples", f"samples:{index}", index, 2, 0.25)
    one, other = (np.diff(path.path.points, axis=0).ravel() for path in found)
    assert abs(one @ other) / (np.linalg.norm(one) * np.linalg.norm(other)) < 0.1
    assert PathsSpec.parse("direction:samples:0").radius == 0.5


def test_segments_are_chosen_at_random_the_same_ones_for_all_models():
    spec = PathsSpec.parse("closed:samples:0-19", segments=2)
    found = find_paths(spec, CARD)
    assert find_paths(spec, load_model("cnn5-w2-noise20").card) == found
    assert all(len(set(path.segments)) == 2 and path.segments == tuple(sorted(path.segments)) for path in found)
    assert len({path.segments for path in found}) > 5
    assert find_paths(PathsSpec.parse("closed:samples:0", segments=8), CARD)[0].segments is None
    many = find_paths(PathsSpec.parse("closed:random:0-799", segments=1), CARD)
    counts = np.bincount([path.segments[0] for path in many], minlength=8)
    assert stats.chisquare(counts).pvalue > 1e-3
    with pytest.raises(InvalidRequest, match="At least one segment"):
        PathsSpec.parse("closed:samples:0", segments=0)


def test_a_model_s_own_test_images_are_found_and_those_of_others_refused(card, tmp_path):
    flowers = make_dataset(20, classes=("rose", "tulip"), name="flowers")
    write_archive(tmp_path / "flowers.npz", {"test": flowers}, form="PNG")
    own = replace(card, data="flowers (lossless PNG)", classes=flowers.classes)
    (found,) = find_paths(PathsSpec.parse("images:test:3,5"), own, tmp_path / "flowers.npz")
    np.testing.assert_array_equal(found.path.points, flowers.images[[3, 5]])
    for text in ("closed:test:0", "closed:test:rose:0"):
        with pytest.raises((InvalidData, InvalidImage), match="Expected CIFAR-10"):
            find_paths(PathsSpec.parse(text), card, tmp_path / "flowers.npz")
    with pytest.raises(InvalidImage, match="images from 0 to 19 of net, got 20"):
        find_paths(PathsSpec.parse("closed:test:20"), own, tmp_path / "flowers.npz")
    with pytest.raises(InvalidData, match="Expected a model whose card says which images it was trained on, got net"):
        find_paths(PathsSpec.parse("closed:train:clean:0"), replace(card, data=""), tmp_path / "flowers.npz")


def test_images_without_a_path_are_named_and_the_others_kept(card, tmp_path):
    plain = make_dataset(4, classes=("rose", "tulip"), name="plain")
    images = plain.images.copy()
    images[1] = 255
    write_archive(tmp_path / "plain.npz", {"test": replace(plain, images=images)}, form="PNG")
    own, spec = replace(card, data="plain", classes=plain.classes), PathsSpec.parse("closed:test:0-2")
    told = []
    found = find_paths(spec, own, tmp_path / "plain.npz", lambda *refusal: told.append(refusal))
    assert [path.images for path in found] == ["test:0", "test:2"]
    ((reference, error),) = told
    assert reference == "test:1" and str(error).startswith("test:1: ")
    with pytest.raises(InvalidPath, match="test:1: "):
        find_paths(spec, own, tmp_path / "plain.npz")


def test_missing_data_are_asked_for(card, tmp_path):
    with pytest.raises(InvalidData, match="give --data"):
        find_paths(PathsSpec.parse("closed:train:clean:0"), card)
    with pytest.raises(InvalidData, match=f"give --data, or set the environment variable {DATA_VARIABLE}"):
        find_paths(PathsSpec.parse("closed:test:0"), card)
    with pytest.raises(InvalidData, match="torchvision's layout"):
        find_paths(PathsSpec.parse("closed:train:clean:0"), card, tmp_path)


def test_patterns_select_finished_networks_unless_snapshots_are_wanted():
    names = {card.name for card in list_models()}
    snapshots = {card.name for card in list_models() if card.is_snapshot}
    assert snapshots
    assert set(find_models(["*"])) == names - snapshots
    assert set(find_models(["*"], snapshots=True)) == names
    assert list(find_models([min(snapshots)])) == [min(snapshots)]
    found = find_models(["cnn5-w2-noise20", "cnn5-w[12]-noise20"])
    assert list(found) == ["cnn5-w2-noise20", "cnn5-w1-noise20"]
    assert [card.width for card in found.values()] == [2, 1]


def test_files_and_folders_select_their_networks(tmp_path):
    for name in ("cnn5-w1-noise20", "cnn5-w16-noise20-epoch1"):
        for suffix in (".json", ".safetensors"):
            shutil.copy(models_folder() / f"{name}{suffix}", tmp_path)
    files = [str(tmp_path / f"{name}.safetensors") for name in ("cnn5-w1-noise20", "cnn5-w16-noise20-epoch1")]
    assert list(find_models([str(tmp_path)])) == files[:1]
    assert list(find_models([str(tmp_path)], snapshots=True)) == files
    assert list(find_models([files[1]])) == files[1:]


def test_networks_of_one_name_in_several_folders_are_told_apart(tmp_path):
    for folder in ("a/x", "b/x", "c"):
        (tmp_path / folder).mkdir(parents=True)
        for suffix in (".json", ".safetensors"):
            shutil.copy(models_folder() / f"cnn5-w1-noise20{suffix}", tmp_path / folder)
    files = [str(tmp_path / folder / "cnn5-w1-noise20.safetensors") for folder in ("a/x", "b/x", "c")]
    found = find_models(files)
    assert list(found) == files
    assert [card.name for card in found.values()] == [
        *(name.removesuffix(".safetensors") for name in files[:2]), "c/cnn5-w1-noise20"
    ]  # fmt: skip
    torch.save(load_file(files[2]), tmp_path / "c" / "cnn5-w1-noise20.pth")
    torch.save(load_file(files[0]), tmp_path / "a" / "x" / "cnn5-w1-noise20.pth")
    every = find_models(
        [*files, str(tmp_path / "c" / "cnn5-w1-noise20.pth"), str(tmp_path / "a/x/cnn5-w1-noise20.pth")]
    )
    assert [card.name for card in every.values()] == [
        *(name.removesuffix(".safetensors") for name in files[:2]),
        "c/cnn5-w1-noise20.safetensors", "c/cnn5-w1-noise20.pth", "x/cnn5-w1-noise20.pth",
    ]  # fmt: skip
    beside = find_models(["cnn5-w1-noise20", files[2]])
    assert [card.name for card in beside.values()] == ["cnn5-w1-noise20", "c/cnn5-w1-noise20"]


def test_snapshots_of_one_name_in_several_folders_are_still_snapshots(tmp_path):
    name = "cnn5-w16-noise20-epoch1"
    for folder in ("a/x", "b/x"):
        (tmp_path / folder).mkdir(parents=True)
        for suffix in (".json", ".safetensors"):
            shutil.copy(models_folder() / f"{name}{suffix}", tmp_path / folder)
    found = find_models([str(tmp_path / folder) for folder in ("a/x", "b/x")], snapshots=True)
    assert len({card.name for card in found.values()}) == 2
    assert all(card.is_snapshot and card.training.endswith("x/cnn5-w16-noise20") for card in found.values())


def test_only_images_move_along_closed_paths(card):
    points = replace(card, input_shape=(10,), mean=(0.0,), std=(1.0,))
    for kind in ("closed", "open"):
        with pytest.raises(InvalidPath, match=r"inputs of shape \(10,\) are none"):
            find_paths(PathsSpec.parse(f"{kind}:random:0"), points)
    assert len(find_paths(PathsSpec.parse("direction:random:0", radius=1.0), points)) == 1


@pytest.mark.parametrize("is_edited", [False, True])
def test_trained_networks_stay_in_their_folder_when_something_is_said_of_them(tmp_path, is_edited):
    names = ("cnn5-w1-noise20", "cnn5-w16-noise20-epoch1")
    files = [tmp_path / f"{name}.safetensors" for name in names]
    for name, file in zip(names, files, strict=True):
        for suffix in (".json", ".safetensors"):
            shutil.copy(models_folder() / f"{name}{suffix}", tmp_path)
        place = remember(file, load_model(file, mean=[0.5]))
        if is_edited:
            place.write_text(place.read_text().replace("0.5", "0.25", 1))
    described = list_models(tmp_path)
    assert [card.name for card in described] == list(names)
    assert {card.mean for card in described} == {(0.25 if is_edited else 0.5,) * 3}
    assert list(find_models([str(tmp_path)])) == [str(files[0])]
    other = tmp_path / "mine-epoch0.pt"  # lrviz did not train it, so that it is no snapshot
    torch.save(torch.nn.Linear(2, 3).state_dict(), other)
    for _ in range(2):
        assert list(find_models([str(tmp_path)])) == [str(files[0]), str(other)]
        remember(other, load_model(other, mean=[0.5]))


@pytest.mark.parametrize("name", ["cnn5-w999", "cnn5-q*", "gone.safetensors", "."])
def test_what_selects_no_model_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModel, match="Expected"):
        find_models([name])


def test_the_training_set_is_read_once_for_many_models(archive, card, monkeypatch):
    calls = []
    monkeypatch.setattr(sources, "load_dataset", lambda *args: calls.append(args) or load_dataset(*args))
    sources._load_split.cache_clear()
    sources._training_images.cache_clear()
    for seed in (0, 1):
        find_paths(PathsSpec.parse("closed:train:clean:0"), replace(card, seed=seed, data_digest=""), archive)
    assert len(calls) == 1
