"""Measuring the networks of a sweep again, in the background, with settings of the user's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from lrviz.models.card import Card
from lrviz.models.images import list_samples
from lrviz.models.paths import FEW_ANCHORS, NUM_ANCHORS, RADIUS
from lrviz.ui import dialogs, following, look, resources, state
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain
from lrviz.views.selection import PathsSpec
from lrviz.views.sources import shipped_source
from lrviz.views.survey import Survey, make_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        models: Names of shipped models.
        spec: The paths.
        device: Where to work.
    """

    models: tuple[str, ...]
    spec: PathsSpec
    device: str


def plan() -> Plan | None:
    """What this session measures, or measured last."""
    return st.session_state.get("d-plan")


def forget() -> None:
    """Go back to the shipped results; what was measured stays in the cache."""
    st.session_state.pop("d-plan", None)


@st.dialog("Measure the networks of this family again", on_dismiss=dialogs.close)
def choose_plan(cards: Sequence[Card], table: pd.DataFrame) -> None:
    """Widths, seeds and images to measure, with an estimate, and a button that starts it.

    Args:
        cards: The shipped networks of the family that is shown.
        table: Results that tell how long such networks take.
    """
    widths, seeds = sorted({card.width for card in cards}), sorted({card.seed for card in cards})
    chosen_widths = st.pills("Widths k", widths, default=widths, selection_mode="multi", key=f"d-widths-{widths}")
    chosen_seeds = st.pills("Seeds", seeds, default=seeds[:1], selection_mode="multi", key=f"d-seeds-{seeds}")
    number = st.slider("Shipped test images", 1, len(list_samples("cifar10")), 1, key="d-number")
    anchors = st.segmented_control(
        "Anchors of each closed path", [FEW_ANCHORS, NUM_ANCHORS], default=NUM_ANCHORS, required=True, key="d-anchors"
    )
    spec = PathsSpec(
        kind="closed", source=shipped_source(cards[0].data), indices=tuple(range(number)), num_anchors=anchors,
        radius=RADIUS,
    )  # fmt: skip
    models = tuple(card.name for card in cards if card.width in chosen_widths and card.seed in chosen_seeds)
    device = st.selectbox("Device", resources.devices(), key="d-device", format_func=str.upper)
    if models:
        st.caption(
            f"{len(models)} networks, {number * len(models)} paths: {estimate(models, spec, table)}, as the "
            "shipped results took. What is in the cache is not measured again."
        )
    if st.button("Measure", type="primary", width="stretch", disabled=not models, key="d-measure"):
        st.session_state["d-plan"] = wanted = Plan(models=models, spec=spec, device=device)
        resources.forget(_key(wanted))
        dialogs.close()
        state.rerun()


def estimate(models: Sequence[str], spec: PathsSpec, table: pd.DataFrame) -> str:
    """How long closed paths took per segment in a table, for other ones of the same networks."""
    known = table[table["model"].isin(models) & (table["path"] == spec.kind)].groupby("model")
    if not len(known):
        return "an unknown time"
    per_segment = known["seconds"].sum() / known["num_segments"].sum()
    return "about " + look.duration(float(per_segment.mean()) * len(models) * len(spec.indices) * spec.num_anchors)


def follow(wanted: Plan) -> pd.DataFrame | None:
    """The table of a plan, as far as it got before it was cancelled; None, and a progress bar, until then."""
    job = _start(wanted)
    if not job.wait(0.2):
        following.follow([Task("Measuring", job)])
        return None
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
        _offer_again(job, leave=True)
        return None
    table: pd.DataFrame = job.result
    number = len(wanted.models) * len(wanted.spec.indices)
    if len(table) < number:
        st.warning(f"Cancelled: {len(table)} of {number} paths were measured.", icon=":material/stop_circle:")
        _offer_again(job, leave=len(table) == 0)
    return table if len(table) else None


def show_others() -> None:
    """How far measurements are that another tab began, or this one before it was opened again."""
    for job in resources.survey_pool().unfinished:
        following.follow([Task("Measuring, begun elsewhere", job)])


def _offer_again(job: Job, *, leave: bool) -> None:
    left, right, _ = st.columns([1, 1.3, 3])
    with left:
        following.offer_again([job.key], "Go on")
    if leave:
        right.button("Shipped results", on_click=forget, width="stretch", key="d-give-up")


def _start(wanted: Plan) -> Job:
    store = resources.store()
    cards = {card.name: card for card in resources.cards()}

    def work(report: Callable[[float, str], None], cancelled: Callable[[], bool]) -> pd.DataFrame:
        survey = Survey.plan({name: cards[name] for name in wanted.models}, [wanted.spec])
        return make_table(list(survey.rows(store, device=wanted.device, progress=report, cancelled=cancelled)))

    return resources.submit(_key(wanted), work, resources.survey_pool())


def _key(wanted: Plan) -> str:
    return f"survey {wanted}"
