"""The history of what was shown: one entry a change, there and back, and nothing lost that is shown elsewhere."""

from dataclasses import replace

from lrviz.views.history import MAX_ENTRIES, History
from lrviz.views.view import View

VIEW = View(models=("a",), images=("samples:0", "samples:1", "samples:2"))
COLOURS = [replace(VIEW, colour=colour) for colour in ("slope", "jump", "area")]


def history(*views):
    made = History()
    for view in views:
        made = made.visit(view)
    return made


def test_every_change_is_one_entry():
    made = history(COLOURS[0], COLOURS[0], COLOURS[1], COLOURS[1], COLOURS[0])
    assert made.entries == (COLOURS[0], COLOURS[1], COLOURS[0])
    assert made.current == COLOURS[0]


def test_steps_go_there_and_back_and_a_change_cuts_what_was_undone():
    made = history(*COLOURS)
    assert made.step(1) is None and made.move(1) is made
    back = made.move(-1)
    assert (back.current, back.step(-1), back.step(1)) == (COLOURS[1], COLOURS[0], COLOURS[2])
    assert back.move(1).current == COLOURS[2]
    other = replace(VIEW, boundary=True)
    assert back.visit(other).entries == (*COLOURS[:2], other)
    assert made.move(-1).move(-1).move(-1).current == COLOURS[0]
    assert History().step(-1) is None


def test_what_was_shown_for_the_time_being_is_replaced():
    made = history(*COLOURS[:2]).visit(COLOURS[2], instead=True)
    assert made.entries == (COLOURS[0], COLOURS[2])


def test_steps_stay_on_their_page():
    there = VIEW.on("paths")
    made = history(VIEW, there)
    assert made.step(-1) is None
    assert made.first_of("explore") == VIEW
    assert made.first_of("compare") is None


def test_an_address_is_found_nearest_to_where_one_is():
    made = history(COLOURS[0], COLOURS[1], COLOURS[0], COLOURS[2])
    assert made.find("explore", COLOURS[0].to_query()).position == 2
    assert made.move(-1).move(-1).move(-1).find("explore", COLOURS[0].to_query()).position == 0
    assert made.find("compare", COLOURS[0].to_query()) is None
    assert made.find("explore", {"model": "b"}) is None


def test_what_other_pages_show_comes_back_with_an_entry():
    hidden = replace(COLOURS[0], num_anchors=5)
    made = history(COLOURS[0]).visit(hidden)
    assert made.entries == (hidden,)


def test_old_entries_are_forgotten():
    made = history(*(replace(VIEW, max_regions=k + 1) for k in range(MAX_ENTRIES + 5)))
    assert len(made.entries) == MAX_ENTRIES
    assert made.current.max_regions == MAX_ENTRIES + 5
