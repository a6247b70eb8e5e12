import pytest
import torch
from torch import nn

from lrviz.errors import UnknownModel
from lrviz.models.architectures import FAMILIES, build


def _count_units(module):
    """ReLU outputs for one image, and the number of ReLU calls."""
    sizes = []
    hooks = [
        layer.register_forward_hook(lambda _, __, output: sizes.append(output[0].numel()))
        for layer in module.modules()
        if isinstance(layer, nn.ReLU)
    ]
    module(torch.zeros(1, 3, 32, 32, device="cpu"))
    for hook in hooks:
        hook.remove()
    return sum(sizes), len(sizes)


@pytest.mark.parametrize(
    ("family", "width", "num_units", "num_layers"),
    [
        ("cnn5", 1, 1024 + 2 * 256 + 4 * 64 + 8 * 16, 4),
        ("cnn5", 8, 15_360, 4),
        ("vgg8", 1, 28_792, 7),
        ("vgg8", 2, 57_584, 7),
        ("vgg11", 2, 2 * (1024 + 2 * 256 + 8 * 64 + 16 * 16 + 16 * 4), 8),
        ("vgg13", 1, 2 * (1024 + 2 * 256 + 4 * 64 + 8 * 16 + 8 * 4), 10),
        ("vgg16", 1, 2 * 1024 + 4 * 256 + 12 * 64 + 24 * 16 + 24 * 4, 13),
        ("vgg19", 1, 2 * 1024 + 4 * 256 + 16 * 64 + 32 * 16 + 32 * 4, 16),
        ("resnet18", 1, 1024 + 4 * (256 + 2 * 64 + 4 * 16 + 8 * 4), 17),
        ("resnet34", 1, 1024 + 6 * 256 + 8 * 2 * 64 + 12 * 4 * 16 + 6 * 8 * 4, 33),
    ],
)
def test_units_and_layers(family, width, num_units, num_layers):
    assert _count_units(build(family, width, 10)) == (num_units, num_layers)


def test_vgg8_has_the_published_sizes():
    layers = [layer for layer in build("vgg8", 1, 10) if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [layer.weight.shape[0] for layer in layers] == [6, 6, 16, 16, 64, 64, 120, 10]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_logits_and_exports_with_any_batch_size(family, batch_norm):
    module = build(family, 1, 7, batch_norm)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    assert not module.training
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules()) == batch_norm
    exported = torch.export.export(module, (images[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},))
    expected = module(images)
    assert expected.shape == (3, 7)
    assert expected.std(0).max() > 0
    torch.testing.assert_close(exported.module()(images), expected)


def test_seed_decides_the_weights():
    first, same, other = (build("cnn5", 2, 10, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_building_leaves_the_global_seed_of_weights_alone():
    torch.manual_seed(1)
    first = build("vgg8", 1, 10, seed=5)[0].weight
    torch.manual_seed(2)
    assert torch.equal(first, build("vgg8", 1, 10, seed=5)[0].weight)


def test_residual_branches_without_batch_norm_start_at_zero():
    module = build("resnet18", 2, 10)
    blocks = [layer for layer in module if hasattr(layer, "branch")]
    x = torch.rand(1, 2, 8, 8, device="cpu")
    assert len(blocks) == 8
    torch.testing.assert_close(blocks[0](x), x)
    widened = blocks[2](x)
    torch.testing.assert_close(widened[:, :2], x)
    assert (widened[:, 2:] == 0).all()
    second = blocks[1].branch[0].weight
    assert second.std().item() == pytest.approx((2 / (2 * 9)) ** 0.5 * 8**-0.5, rel=0.4)


@pytest.mark.parametrize(
    ("family", "width", "num_classes"), [("lenet", 1, 10), ("cnn5", 0, 10), ("cnn5", -1, 10), ("cnn5", 1, 1)]
)
def test_unknown_family_or_size(family, width, num_classes):
    with pytest.raises(UnknownModel, match="Expected"):
        build(family, width, num_classes)
