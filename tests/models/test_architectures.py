import pytest
import torch
from torch import nn

from lrviz.errors import UnknownModel
from lrviz.models.architectures import FAMILIES, ResidualBlock, StridedBlock, build


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
        ("vgg11-head", 2, 2 * (1024 + 2 * 256 + 8 * 64 + 16 * 16 + 16 * 4) + 2 * 128, 10),
        ("resnet18-stride", 1, 5 * 1024 + 4 * (2 * 256 + 4 * 64 + 8 * 16), 17),
        ("resnet34-stride", 1, 7 * 1024 + 8 * 2 * 256 + 12 * 4 * 64 + 6 * 8 * 16, 33),
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


def test_residual_branches_without_batch_norm_start_near_zero():
    module = build("resnet18", 2, 10)
    blocks = [layer for layer in module if hasattr(layer, "branch")]
    x = torch.rand(1, 2, 8, 8, device="cpu")
    assert len(blocks) == 8
    torch.testing.assert_close(blocks[0](x), x, rtol=0, atol=0.01)
    widened = blocks[2](x)
    torch.testing.assert_close(widened[:, :2], x, rtol=0, atol=0.01)
    assert widened[:, 2:].max() < 0.01
    second = blocks[1].branch[0].weight
    assert second.std().item() == pytest.approx((2 / (2 * 9)) ** 0.5 * 8**-0.5, rel=0.4)


def test_vgg11_with_head_has_the_published_sizes():
    layers = [layer for layer in build("vgg11-head", 64, 10) if isinstance(layer, nn.Conv2d | nn.Linear)]
    channels = [64, 128, 256, 256, 512, 512, 512, 512]
    assert [layer.weight.shape[0] for layer in layers] == [*channels, 4096, 4096, 10]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_strided_resnet18_has_the_published_shapes(batch_norm):
    module = build("resnet18-stride", 4, 10, batch_norm)
    blocks = [layer for layer in module if isinstance(layer, StridedBlock)]
    x = torch.rand(2, 4, 32, 32, device="cpu")
    shapes = []
    for block in blocks:
        x = block(x)
        shapes.append(tuple(x.shape[1:3]))
    assert shapes == [(4, 32), (4, 32), (8, 16), (8, 16), (16, 8), (16, 8), (32, 4), (32, 4)]
    shortcuts = [[layer for layer in block.shortcut if isinstance(layer, nn.Conv2d)] for block in blocks]
    assert [len(layers) for layers in shortcuts] == [0, 0, 1, 0, 1, 0, 1, 0]
    assert shortcuts[2][0].kernel_size == (1, 1)


def test_strided_shortcut_is_a_strided_convolution():
    block = StridedBlock(3, 6, 2, batch_norm=False)
    (convolution,) = (layer for layer in block.shortcut if isinstance(layer, nn.Conv2d))
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    expected = nn.functional.conv2d(x, convolution.weight, convolution.bias, stride=2)
    torch.testing.assert_close(block.shortcut(x), expected)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 8])
def test_gradients_in_the_memory_format_of_training(width):
    """A strided 1 x 1 convolution of fewer than eight channels crashes there on some CPUs."""
    module = build("resnet18-stride", width, 10).to(memory_format=torch.channels_last)
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    module(images.contiguous(memory_format=torch.channels_last)).square().sum().backward()
    found = [parameter.grad.clone() for parameter in module.parameters()]
    module = build("resnet18-stride", width, 10).double()
    module(images.double()).square().sum().backward()
    for gradient, parameter in zip(found, module.parameters(), strict=True):
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(gradient.double(), parameter.grad, rtol=0, atol=1e-3 * scale + 1e-9)


@pytest.mark.parametrize("family", ["resnet18", "resnet34", "resnet18-stride", "resnet34-stride"])
def test_every_channel_of_a_residual_network_can_learn(family):
    module = build(family, 4, 10)
    generator = torch.Generator("cpu").manual_seed(0)
    images = torch.randn(32, 3, 32, 32, generator=generator, device="cpu")
    labels = torch.randint(10, (32,), generator=generator, device="cpu")
    nn.functional.cross_entropy(module(images), labels).backward()
    blocks = [layer for layer in module if isinstance(layer, ResidualBlock | StridedBlock)]
    last = [block.branch[-1].weight.grad.flatten(1).abs().amax(1) for block in blocks]
    assert all((gradient > 0).all() for gradient in last)


@pytest.mark.parametrize("family", FAMILIES)
def test_larger_images(family):
    module = build(family, 1, 5, image_size=64)
    assert module(torch.zeros(2, 3, 64, 64, device="cpu")).shape == (2, 5)


@pytest.mark.parametrize("image_size", [0, 16, 40])
def test_image_size_out_of_range(image_size):
    with pytest.raises(UnknownModel, match=f"a multiple of that, got {image_size}"):
        build("cnn5", 1, 10, image_size=image_size)


@pytest.mark.parametrize(
    ("family", "width", "num_classes"), [("lenet", 1, 10), ("cnn5", 0, 10), ("cnn5", -1, 10), ("cnn5", 1, 1)]
)
def test_unknown_family_or_size(family, width, num_classes):
    with pytest.raises(UnknownModel, match="Expected"):
        build(family, width, num_classes)
