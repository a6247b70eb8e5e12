"""Shape annotations are checked while tests run; torch keeps to one thread; the compiled core is waited for.

Random cases are the same in every run, unless `LRVIZ_FUZZ` is set.
"""

import os

import hypothesis
import jaxtyping
import pytest
import torch

from tests import typecheck

if "LRVIZ_FUZZ" not in os.environ:  # they take two thirds of the time
    jaxtyping.install_import_hook("lrviz", f"{typecheck.__name__}.checked")
torch.set_num_threads(1)
os.environ.setdefault("LRVIZ_COMPILED", "wait")
hypothesis.settings.register_profile("lrviz", deadline=None, derandomize="LRVIZ_FUZZ" not in os.environ)
hypothesis.settings.load_profile("lrviz")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """A folder of its own for what a page stores, and nothing remembered from other tests."""
    import streamlit as st  # noqa: PLC0415

    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LRVIZ_LIBRARY_DIR", str(tmp_path / "library"))
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()
