"""No traceback reaches a visitor."""

import logging
from collections.abc import Callable

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.ui.jobs import CALM
from lrviz.ui.markdown import plain

log = logging.getLogger("lrviz")


def guard(show: Callable[[], None]) -> None:
    """Show something; what goes wrong becomes a sentence, and what nobody expected is logged."""
    try:
        show()
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except Exception:
        log.exception("the page failed")
        st.error(CALM, icon=":material/error:")
