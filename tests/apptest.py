"""Pages without a browser: opened by their file and link, and run until nothing works in the background."""

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from lrviz.ui import resources

ROOT = Path(__file__).resolve().parent.parent


def open_file(name, **query):
    """A page that has run once."""
    page = AppTest.from_file(str(ROOT / name), default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def linked(page, key):
    """A parameter of the page's address, which some versions of Streamlit's tests hand out in a list."""
    value = page.query_params[key]
    return value[0] if isinstance(value, list) else value


def control(elements, name):
    """A control by its name, whatever number its key has."""
    return next(element for element in elements if re.fullmatch(rf"{name}(-\d+)?", element.key or ""))


def settle(page):
    """Run a page until nothing works in the background."""
    for _ in range(60):
        assert not page.exception
        pools = (resources.pool(), resources.quick_pool(), resources.survey_pool())
        jobs = [job for pool in pools for job in pool.unfinished]
        if not jobs:
            return page.run()
        jobs[0].wait(30)
        page.run()
    raise AssertionError("the page does not come to rest")
