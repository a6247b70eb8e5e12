"""Networks are opened by several threads at the same time, as pages do."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from lrviz.models.architectures import build
from lrviz.models.blueprint import Blueprint
from lrviz.network.tracing import trace_module


@pytest.fixture
def hasty():
    """Threads that take turns often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def test_shapes_are_looked_up_while_another_network_is_traced(hasty):
    module = build("cnn5", width=1, num_classes=10).double().eval()
    example = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    blueprints = [Blueprint(name="cnn5", options={"width": 1 + i % 7}) for i in range(60)]
    with ThreadPoolExecutor(4) as pool:
        traced = [pool.submit(trace_module, module, example) for _ in range(20)]
        shapes = list(pool.map(Blueprint.shapes, blueprints))
    assert len({len(trace.result().graph.nodes) for trace in traced}) == 1
    for blueprint, found in zip(blueprints, shapes, strict=True):
        assert found == {
            name: tuple(value.shape)
            for name, value in build("cnn5", num_classes=10, **blueprint.options).state_dict().items()
        }
