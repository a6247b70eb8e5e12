"""The faster steps, against PyTorch's own."""

import pytest
import torch

from lrviz.network.kernels import convolve, pool_average
from lrviz.network.operations import aten


def images(*shape: int) -> torch.Tensor:
    generator = torch.Generator(device="cpu").manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, device="cpu", generator=generator)


@pytest.mark.parametrize("kernel", [(3, 3), (1, 1), (2, 3)])
@pytest.mark.parametrize("stride", [[1, 1], [2, 2], [2, 1], [3]])
@pytest.mark.parametrize("padding", [[0, 0], [1, 1], [1, 2], [1]])
def test_convolutions(kernel: tuple[int, int], stride: list[int], padding: list[int]) -> None:
    x, weight, bias = images(5, 2, 9, 8), images(4, 2, *kernel), images(4)
    expected = aten.conv2d.default(x, weight, bias, stride, padding)
    assert torch.allclose(convolve(x, weight, bias, stride, padding), expected, rtol=0, atol=1e-13)
    assert torch.allclose(convolve(x, weight, None, stride, padding), expected - bias[:, None, None], atol=1e-13)


def test_large_batches_are_convolved_in_parts() -> None:
    x, weight = images(40, 8, 32, 32), images(3, 8, 3, 3)
    assert torch.allclose(
        convolve(x, weight, None, [1, 1], [1, 1]), aten.conv2d.default(x, weight, None, [1, 1], [1, 1])
    )


@pytest.mark.parametrize("options", [{"dilation": [2, 2]}, {"groups": 2}])
def test_other_convolutions_are_left_to_pytorch(options: dict[str, object]) -> None:
    x, weight = images(3, 2, 9, 8), images(4, 1 if "groups" in options else 2, 3, 3)
    expected = torch.nn.functional.conv2d(x, weight, **options)
    assert torch.equal(convolve(x, weight, **options), expected)


@pytest.mark.parametrize("size", [[2, 2], [3], [2, 3]])
@pytest.mark.parametrize("stride", [[], [1, 1], [2, 1]])
@pytest.mark.parametrize("options", [(), ([1, 1],), ([0, 0], True), ([1, 1], False, False), ([0, 0], False, True, 3)])
def test_average_pools(size: list[int], stride: list[int], options: tuple[object, ...]) -> None:
    x = images(4, 3, 9, 8)
    expected = aten.avg_pool2d.default(x, size, stride, *options)
    assert torch.allclose(pool_average(x, size, stride, *options), expected, rtol=0, atol=1e-14)


def test_other_types_are_left_to_pytorch() -> None:
    x, weight = images(2, 3, 6, 6).float(), images(3, 3, 3, 3).float()
    assert torch.equal(convolve(x, weight), torch.nn.functional.conv2d(x, weight))
    assert torch.equal(pool_average(x, [2, 2]), torch.nn.functional.avg_pool2d(x, 2))


def test_gradients_are_left_to_pytorch() -> None:
    x, weight = images(2, 3, 6, 6).requires_grad_(), images(3, 3, 3, 3)
    total = pool_average(convolve(x, weight, None, [1, 1], [1, 1]), [2, 2]).sum()
    (received,) = torch.autograd.grad(total, x)
    quarter = torch.full((2, 3, 6, 6), 0.25, dtype=x.dtype, device="cpu")
    expected = torch.nn.functional.conv_transpose2d(quarter, weight, padding=1)
    assert torch.allclose(received, expected)


@pytest.mark.parametrize("stride", [[1, 1], [2, 1]])
@pytest.mark.parametrize("bias", [True, False])
def test_images_that_are_mostly_zero_are_convolved_where_they_are_not(stride: list[int], bias: bool) -> None:
    x, weight = torch.zeros(6, 2, 12, 11, dtype=torch.float64, device="cpu"), images(4, 2, 3, 2)
    x[0], x[2, :, 3:5, 4], x[3, 1, 0, 0], x[4, 0, 11, 10] = 1.0, 2.0, 3.0, 4.0
    shift = images(4) if bias else None
    expected = aten.conv2d.default(x, weight, shift, stride, [1, 2])
    assert torch.allclose(convolve(x, weight, shift, stride, [1, 2]), expected, rtol=0, atol=1e-13)
    nothing = torch.zeros_like(x)
    assert torch.allclose(convolve(nothing, weight, shift, stride), aten.conv2d.default(nothing, weight, shift, stride))
