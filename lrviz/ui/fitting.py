"""The window that a session asked for is chosen in the background."""

from lrviz.ui import following, resources, state
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.ui.visit import resolve
from lrviz.views.presets import Aim, Wanted, choose_window
from lrviz.views.view import View

_PATIENCE = 2.5
NO_BOUNDARY = "The whole triangle has one predicted class, so it holds no decision boundary. Choose other images."


def settle(view: View, aim: Aim) -> bool:
    """Whether there is no window to be chosen any more; until then, how far that is.

    Args:
        view: The view of the network that the window is to suit.
        aim: How large the window is to be.
    """
    wanted = state.wanted_window()
    if wanted is None:
        return True
    job = _start(view, wanted, aim)
    if not job.wait(_PATIENCE):
        following.follow([Task("Choosing a window", job, can_cancel=False)])
        return False
    state.forget_wanted_window()
    if job.error or job.result is None:
        state.tell(job.error or NO_BOUNDARY)
        resources.forget(job.key)
    elif (found := job.result) != view:
        state.set_window(found.center, found.half_width, found.half_height)
    state.write_link()
    return True


def _start(view: View, wanted: Wanted, aim: Aim) -> Job:
    store = resources.store()

    def work(report, cancelled) -> View | None:  # type: ignore[no-untyped-def]
        report(0.0, "reading and tracing the network")
        scene = resolve(view, store)
        report(0.5, "estimating how many regions there are")
        return choose_window(view, scene, wanted, aim, store)

    return resources.submit(f"window {wanted} {aim} {view.to_json()}", work, resources.quick_pool())
