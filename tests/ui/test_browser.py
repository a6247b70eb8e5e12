"""The main ways through the app, in a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from lrviz.models.catalogue import list_models
from lrviz.ui.exact_map import component
from lrviz.ui.exact_map.codec import pack
from lrviz.ui.state import DEFAULT_MODEL

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROOT = Path(__file__).resolve().parents[2]
LONG = 60_000
TRIPLET = "a=samples:0&b=samples:1&c=samples:4"
NAVIGATION_LINK = "[data-testid=stTopNavLink]"
NAVIGATION = ["Explore", "widths", "Paths", "descent", "Models"]

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install Debian's package chromium"),
    pytest.mark.skipif(not (ROOT / "app.py").is_file(), reason="needs a checkout, which has app.py"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running server with an empty cache of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("cache")
    environment = {**os.environ, "LRVIZ_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    command += ["--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_server(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(10)
    assert "Traceback" not in log.read_text()


def _await_server(url, server, log):
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def first(browser, address):
    """One page, opened once; the tests go on from each other's state as a user would."""
    page = open_tab(browser, address)
    await_map(page)
    yield page
    page.context.close()


def open_tab(browser, url):
    page = browser.new_context(viewport={"width": 1600, "height": 1300}).new_page()
    page.goto(url)
    return page


EXACT = "[data-testid=exact-map]"


def await_map(page, status="complete"):
    """Until the exact map shows all that was asked for."""
    await_state(page, f"[data-status={status}][data-drawn]:not([data-drawn=''])")


def await_state(page, state):
    """Until the exact map is in a state; what it shows instead is said."""
    try:
        page.wait_for_selector(EXACT + state, timeout=LONG)
    except Exception as error:
        is_there = page.locator(EXACT).count() > 0
        told = shown(page) if is_there else "no map is there"
        raise AssertionError(f"{state} never came, {told}, {page.url}, {page.inner_text('body')}") from error


def chart(page, name):
    """What the pointer acts on in a view: "sampled" or "exact"."""
    return page.locator(f".st-key-{name} .nsewdrag").first


def box_of(page, name):
    """Where a view lies, once it lies still."""
    box = None
    for _ in range(300):
        last, box = box, chart(page, name).bounding_box()
        if box is not None and box == last:
            return box
        page.wait_for_timeout(200)
    raise AssertionError(f"{name} does not come to rest: {box}")


def shown(page):
    """What the exact map says of itself."""
    return page.locator(EXACT).evaluate("map => ({...map.dataset})")


def window_of(page):
    return [float(bound) for bound in shown(page)["window"].split()]


@contextmanager
def moving(page):
    """What is done inside moves the map: wait until it has come to rest elsewhere, and is complete."""
    before = shown(page)["window"]
    yield
    await_state(page, f":not([data-window='{before}'])")
    found = None
    while found != shown(page):
        await_map(page)
        found = shown(page)
        page.wait_for_timeout(400)


def drag_box(page, box, start, end):
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    for share in (0.3, 0.6, 1.0):
        u, v = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
    page.mouse.up()


def query(page):
    return dict(page.evaluate("[...new URLSearchParams(location.search)]"))


def test_the_first_visitor_of_any_address_finds_the_apps_navigation(browser, address):
    page = open_tab(browser, f"{address}/Double_descent?family=vgg11")
    page.wait_for_selector("text=Rank correlation", timeout=LONG)
    assert query(page)["family"] == "vgg11"
    assert [name.strip().split()[-1] for name in page.locator(NAVIGATION_LINK).all_inner_texts()] == NAVIGATION
    page.context.close()


def test_opens_with_a_region_map(first):
    first.wait_for_selector(".lr-number:has-text('regions per unit area')", timeout=LONG)
    assert first.locator(".lr-number", has_text="regions per unit area").count() == 1
    number = first.locator(".lr-number", has_text="regions").first.locator(".v").inner_text()
    assert 300 < int(number.replace(",", "")) < 5000
    assert first.locator("[data-testid=stException]").count() == 0
    assert {"model", "a", "b", "c", "u", "v", "half_width"} <= query(first).keys()


MOUNT = """
async ({script, message, order}) => {
  const {default: mount} = await import(URL.createObjectURL(new Blob([script], {type: "text/javascript"})));
  const nothing = () => {};
  const places = {};
  const steps = {
    show: (name) => {
      places[name] = document.body.appendChild(document.createElement("div"));
      places[name].id = name;
    },
    mount: (name) => {
      const data = Uint8Array.from(message);
      const told = {data, parentElement: places[name], setStateValue: nothing, setTriggerValue: nothing};
      places[name].undo = mount(told);
    },
    remove: (name) => places[name].remove(),
    undo: (name) => places[name].undo(),
  };
  for (const step of order.split(", ")) steps[step.split(" ")[0]](step.split(" ")[1]);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [...document.querySelectorAll("[data-testid=exact-map]")].map((map) => map.parentElement.id);
}
"""


@pytest.mark.parametrize(
    ("order", "where"),
    [
        ("show a, mount a", "a"),
        ("show a, mount a, show b, mount b", "b"),
        ("show a, mount a, show b, mount b, mount a", "a"),
        ("show a, mount a, show b, mount b, remove a, mount a", "b"),  # what was taken away is mounted late
        ("show a, mount a, show b, mount b, remove b, undo b", "a"),  # the newer one is taken away again
        ("show a, mount a, show b, mount b, undo a, remove a", "b"),
        ("show a, remove a, mount a, show b, mount b", "b"),
        ("show a, mount a, undo a", "a"),  # undone, though it is still there
    ],
)
def test_the_map_stands_in_a_place_that_is_on_the_page(browser, address, order, where):
    script = "\n".join((component.FOLDER / name).read_text("utf-8") for name in component.SCRIPTS)
    window = [0, 1, 0, 1]
    limits = {"u": 0.5, "v": 0.5, "reach": 1, "smallest": 1e-9}
    words = {"tag": "", "count": "", "text": ""}
    state = {"status": "computing", "mode": "raster", "num_regions": 0, "busy": False}
    place = {"name": "map", "plane": "p", "revision": 1, "window": window, "home": window, "limits": limits}
    message = pack({**words, **state, **place, "asked": 0, "parts": {}, "plotly": "none.js"})
    page = browser.new_context().new_page()
    page.goto(f"{address}/_stcore/health")
    assert page.evaluate(MOUNT, {"script": script, "message": list(message), "order": order}) == [where]
    page.context.close()


def test_the_map_says_what_it_shows(first):
    found = shown(first)
    number = first.locator(".lr-number", has_text="regions").first.locator(".v").inner_text()
    assert found["regions"] == number.replace(",", "")
    assert found["mode"] == ("vector" if int(found["regions"]) <= 3000 else "raster")
    u, v, half = (float(query(first)[name]) for name in ("u", "v", "half_width"))
    assert window_of(first) == pytest.approx([u - half, u + half, v - half, v + half], rel=1e-12)


def test_click_opens_a_region(first):
    await_rest(first)
    box = box_of(first, "exact")
    first.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    first.mouse.click(box["x"] + 0.41 * box["width"], box["y"] + 0.41 * box["height"])
    first.wait_for_function("location.search.includes('region=')", timeout=LONG)
    opened = query(first)["region"]
    first.locator(".lr-number .long", has_text=opened).wait_for(timeout=LONG)


def test_zoom_and_pan_find_what_is_there_in_a_figure_that_stays(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w2-noise20&{TRIPLET}&u=35&v=18&half_width=1")
    await_map(page)
    svg = "document.querySelector('.map-plot svg')"
    page.wait_for_selector(".map-plot svg", state="attached", timeout=LONG)
    page.evaluate(f"{svg}.mark = 'the one'")
    box = box_of(page, "exact")
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    wide, numbers = window_of(page), [int(shown(page)["regions"])]
    page.mouse.move(*middle)
    with moving(page):
        for _ in range(3):
            page.mouse.wheel(0, -500)
            page.wait_for_timeout(60)
    close, numbers = window_of(page), [*numbers, int(shown(page)["regions"])]
    assert wide[0] < close[0] < close[1] < wide[1]
    assert numbers[1] < numbers[0]
    assert float(query(page)["half_width"]) == pytest.approx((close[1] - close[0]) / 2, rel=1e-9)
    box = box_of(page, "exact")
    with moving(page):
        page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert window_of(page)[1] - window_of(page)[0] == pytest.approx(2 * (close[1] - close[0]), rel=1e-3)
    page.keyboard.down("Shift")
    with moving(page):
        drag_box(page, box, (0.4, 0.4), (0.6, 0.6))
    page.keyboard.up("Shift")
    assert window_of(page)[1] - window_of(page)[0] == pytest.approx(0.4 * (close[1] - close[0]), rel=0.1)
    page.get_by_text("Edges coloured by layer").click()
    page.wait_for_function("location.search.includes('layer_edges=yes')", timeout=LONG)
    before = page.url
    with moving(page):
        page.locator(EXACT).press("ArrowRight")
    assert "region" not in query(page)
    assert page.evaluate(f"{svg}.mark") == "the one"
    page.go_back()
    page.wait_for_function(f"location.href === '{before}'", timeout=LONG)
    page.context.close()


def test_the_whole_triangle_is_sampled_and_entered_without_typing(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w8-noise20&{TRIPLET}&max_regions=2000&u=35&v=18&half_width=0.1")
    await_map(page)
    page.get_by_role("button", name="whole triangle").click()
    await_state(page, "[data-mode=sampled]:not([data-status=computing])")
    assert int(shown(page)["regions"]) > 1e6
    box = box_of(page, "exact")
    deadline = time.monotonic() + 120
    while shown(page)["status"] != "complete":
        assert time.monotonic() < deadline, shown(page)
        page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.6 * box["height"])
        for _ in range(4):
            page.mouse.wheel(0, -500)
            page.wait_for_timeout(60)
        page.wait_for_timeout(300)
        await_state(page, ":not([data-status=computing])")
    assert shown(page)["mode"] == "vector"
    assert 0 < int(shown(page)["regions"]) <= 2000
    page.context.close()


def test_buttons_work_before_the_axes_are_there(browser, address):
    context = browser.new_context(viewport={"width": 1600, "height": 1300})
    held = []
    context.route("**/plotly.min.js*", lambda route: held.append(route))  # noqa: PLW0108  playwright looks at the function
    page = context.new_page()
    page.goto(f"{address}/?model=cnn5-w8-noise20&{TRIPLET}&max_regions=2000&u=35&v=18&half_width=0.1")
    await_map(page)
    page.locator(EXACT).get_by_role("button", name="zoom in").click()
    page.wait_for_function("location.search.includes('half_width=0.05')", timeout=LONG)
    held[0].continue_()
    chart(page, "exact").wait_for(timeout=LONG)
    await_map(page)
    window = window_of(page)
    assert window[1] - window[0] == pytest.approx(0.1, rel=0.01)
    context.close()


def test_two_regions_are_pinned_and_compared(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w2-noise20&{TRIPLET}&u=35&v=18&half_width=0.3")
    await_map(page)
    box = box_of(page, "exact")
    page.keyboard.down("Shift")
    for u, v in ((0.35, 0.35), (0.65, 0.65)):
        page.mouse.click(box["x"] + u * box["width"], box["y"] + v * box["height"])
        page.wait_for_timeout(600)
    page.keyboard.up("Shift")
    page.wait_for_selector("text=cosine of the slopes", timeout=LONG)
    page.wait_for_selector("text=units differ", timeout=LONG)
    numerals = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const dark = (k) => data[k] === 27 && data[k + 1] === 27 && data[k + 2] === 27 && data[k + 3] === 255;
        return [...Array(data.length / 4).keys()].filter((k) => dark(4 * k)).length;
    }"""
    assert page.locator(".map-marks").first.evaluate(numerals) > 3
    page.get_by_role("button", name="Remove pins").click()
    page.wait_for_selector("text=units differ", state="detached", timeout=LONG)
    await_rest(page)
    assert page.locator(".map-marks").first.evaluate(numerals) == 0
    page.context.close()


def test_the_guide_is_shown_until_the_visitor_closed_it(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w1-noise20&{TRIPLET}&u=35&v=18&half_width=0.05")
    await_map(page)
    guide = page.locator(".st-key-guide")
    guide.wait_for(timeout=LONG)
    await_rest(page)
    page.get_by_role("button", name="Skip the guide").click()
    guide.wait_for(state="detached", timeout=LONG)
    page.wait_for_function("document.cookie.includes('lrviz-guide')", timeout=LONG)
    page.reload()
    page.wait_for_selector("text=Distribution", timeout=LONG)
    await_rest(page)
    assert guide.count() == 0
    page.context.close()


@pytest.mark.parametrize("width", [420, 1024])
def test_nothing_is_cut_off_on_narrow_screens(browser, address, width):
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto(f"{address}/?model=cnn5-w1-noise20&{TRIPLET}&u=35&v=18&half_width=0.05")
    page.wait_for_selector("text=Distribution", timeout=LONG)
    await_rest(page)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")
    for button in page.locator(".st-key-header button").all():
        box = button.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width)
    page.context.close()


@pytest.mark.parametrize("width", [420, 1024, 1920])
def test_words_of_the_comparison_do_not_run_into_each_other(browser, address, width):
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto(f"{address}/Compare_widths?models=cnn5-w1-noise20,cnn5-w2-noise20,cnn5-w3-noise20&{TRIPLET}"
              "&u=35&v=18&half_width=0.05&colour=jump")  # fmt: skip
    page.wait_for_selector("text=Against width", timeout=LONG)
    page.wait_for_function(f"({OVERLAPS})().length === 0", timeout=LONG)
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth <= main.clientWidth")
    page.context.close()


OVERLAPS = """() => {
  const charts = [...document.querySelectorAll(".js-plotly-plot")];
  if (charts.length < 2) return ["no charts"];
  return charts.flatMap((chart) => {
    const texts = [...chart.querySelectorAll(".annotation-text, .xtick text, .ytick text")];
    const frame = chart.getBoundingClientRect();
    const boxes = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
    const outside = boxes.filter(({ box }) => box.right > frame.right + 1 || box.left < frame.left - 1);
    const meeting = (a, k) => boxes.slice(k + 1).filter((b) => meet(a.box, b.box)).map((b) => [a.text, b.text]);
    return [...outside.map(({ text }) => text), ...boxes.flatMap(meeting)];
  });
}"""
"""Words of figures that overlap, or that stand out of their figure."""


def test_keys_count_while_the_page_runs_again(first):
    await_rest(first)
    await_map(first)
    before = window_of(first)
    first.get_by_text("Edges coloured by layer").click()
    for _ in range(4):
        first.locator(EXACT).press("ArrowRight")
    moved = before[0] + 0.6 * (before[1] - before[0])
    first.wait_for_function(
        f"Math.abs(document.querySelector('{EXACT}').dataset.window.split(' ')[0] - {moved}) "
        f"< {0.07 * (before[1] - before[0])}",
        timeout=LONG,
    )
    await_map(first)
    for _ in range(4):
        first.locator(EXACT).press("ArrowLeft")
    first.get_by_text("Edges coloured by layer").click()
    await_rest(first)
    await_map(first)


def test_box_on_the_overview_moves_the_window(first):
    before = query(first)
    first.wait_for_selector("text=128 ×", timeout=LONG)  # until then the overview is drawn anew as it gets finer
    await_rest(first)
    box = box_of(first, "sampled")
    drag_box(first, box, (0.30, 0.70), (0.302 + 8 / box["width"], 0.702 + 8 / box["height"]))
    first.wait_for_function(f"!location.search.includes('u={before['u']}')", timeout=LONG)
    after = query(first)
    assert float(after["u"]) < float(before["u"])
    assert 0.3 < float(after["half_width"]) < 3
    first.wait_for_selector(f"text=window {2 * float(after['half_width']):.3g} ×", timeout=LONG)


def test_downloads_a_pdf(first, tmp_path):
    await_rest(first)  # a run of the page takes back what the one before it offered
    first.get_by_role("button", name="Export").click()
    with first.expect_download(timeout=LONG) as download:
        first.get_by_role("button", name="Download PDF").click()
    download.value.save_as(tmp_path / "map.pdf")
    assert (tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")
    first.keyboard.press("Escape")


def test_a_wrong_file_is_refused_in_words(first, tmp_path):
    wrong = tmp_path / "not-an-image.png"
    wrong.write_bytes(b"these bytes are no image")
    first.get_by_role("button", name="Change").first.click()
    first.get_by_role("tab", name="Upload").click()
    first.locator("[data-testid=stDialog] input[type=file], [role=dialog] input[type=file]").set_input_files(wrong)
    alert = first.locator("[role=dialog] [data-testid=stAlert]")
    alert.wait_for(timeout=LONG)
    assert "PNG or JPEG" in alert.inner_text()
    first.keyboard.press("Escape")


def test_another_model_shows_another_map(browser, address):
    other = next(card.name for card in list_models() if card.width == 2)
    page = open_tab(browser, f"{address}/?model={other}&{TRIPLET}&u=30&v=15&half_width=0.6&colour=class")
    await_map(page)
    assert query(page)["model"] == other
    page.context.close()


def test_a_damaged_link_still_opens(browser, address):
    page = open_tab(browser, f"{address}/?model=nonsense&{TRIPLET}")
    alert = page.locator("[data-testid=stAlert]").first
    alert.wait_for(timeout=LONG)
    assert "nonsense" in alert.inner_text()
    assert page.locator("[data-testid=stException]").count() == 0
    page.context.close()


def test_a_window_beyond_the_budget_says_so_and_offers_a_way_out(browser, address):
    page = open_tab(browser, f"{address}/?model={DEFAULT_MODEL}&{TRIPLET}&u=30&v=15&half_width=20")
    page.wait_for_selector("text=Smaller window here", timeout=LONG)
    assert "regions" in page.locator("[data-testid=stAlert]").first.inner_text()
    page.get_by_role("button", name="Smaller window here").click()
    await_map(page)
    assert float(query(page)["half_width"]) < 1
    page.context.close()


AT_REST = (
    "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning' && "
    "!document.querySelector('[data-testid=stProgress], [data-testid=stSkeleton], [data-stale=true]')"
)


def await_rest(page):
    """Until the script has ended for good, nothing works in the background, and nothing is missing."""
    for _ in range(20):
        page.wait_for_function(AT_REST, timeout=LONG)
        page.wait_for_timeout(400)
        if page.evaluate(AT_REST):
            return
    raise AssertionError(f"the page never came to rest: {page.url}")


def settled_box(locator):
    """A control, once the one that was there before it is gone."""
    for _ in range(100):
        if locator.count() == 1:
            break
        locator.page.wait_for_timeout(100)
    return locator


def back(page):
    page.go_back()
    page.wait_for_timeout(500)
    await_rest(page)


def test_back_and_forward_restore_view_and_address_together(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w1-noise20&{TRIPLET}&u=35&v=18&half_width=0.05")
    page.wait_for_selector("text=Distribution", timeout=LONG)
    await_rest(page)
    page.locator("[class*=st-key-w-edges] label").click()
    page.wait_for_function("location.search.includes('layer_edges=yes')", timeout=LONG)
    await_rest(page)
    page.get_by_role("link", name="Paths").click()
    page.wait_for_selector("text=breakpoints in view", timeout=LONG)
    page.wait_for_function("location.search.includes('models=cnn5-w1-noise20')", timeout=LONG)
    await_rest(page)
    back(page)
    edges = page.locator("[class*=st-key-w-edges] input")
    page.wait_for_function("location.search.includes('layer_edges=yes')", timeout=LONG)
    await_rest(page)
    assert settled_box(edges).is_checked()
    back(page)
    page.wait_for_function("!location.search.includes('layer_edges')", timeout=LONG)
    await_rest(page)
    assert not settled_box(edges).is_checked()
    page.get_by_role("button", name="Redo").click()
    page.wait_for_function("location.search.includes('layer_edges=yes')", timeout=LONG)
    await_rest(page)
    assert settled_box(edges).is_checked()
    page.context.close()


def test_a_page_that_was_left_does_not_put_its_address_back(browser, address):
    """Streamlit tells the browser the address of a page that runs, though it may have gone back meanwhile."""
    page = open_tab(browser, f"{address}/?model=cnn5-w1-noise20&{TRIPLET}&u=35&v=18&half_width=0.05")
    await_map(page)
    await_rest(page)
    page.get_by_role("link", name="Models").click()
    page.wait_for_function("location.pathname === '/Models'", timeout=LONG)
    await_rest(page)
    page.evaluate("addEventListener('popstate', () => history.pushState({}, '', '/Models?late'), {once: true})")
    back(page)
    assert page.evaluate("location.pathname + location.search").startswith("/?model=cnn5-w1-noise20")
    await_map(page)
    page.go_forward()
    page.wait_for_function("location.pathname === '/Models'", timeout=LONG)
    await_rest(page)
    page.get_by_role("link", name="Explore").click()
    page.wait_for_function("location.pathname === '/'", timeout=LONG)
    page.context.close()


def test_the_dialog_stays_open_while_the_overview_gets_finer(browser, address):
    page = open_tab(browser, f"{address}/?model=cnn5-w3-noise20&{TRIPLET}&u=35&v=18&half_width=0.05")
    page.wait_for_selector("text=Distribution", timeout=LONG)
    page.get_by_role("button", name="Change").first.click()
    page.get_by_role("dialog").wait_for(timeout=LONG)
    page.wait_for_selector("text=128 ×", timeout=LONG)
    await_rest(page)
    assert page.get_by_role("dialog").count() == 1
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached", timeout=LONG)
    page.locator("[class*=st-key-w-edges] label").click()
    page.wait_for_function("location.search.includes('layer_edges=yes')", timeout=LONG)
    await_rest(page)
    assert page.get_by_role("dialog").count() == 0
    page.context.close()


def test_compare_shows_maps_curves_and_table_and_moves_the_window(browser, address):
    link = f"models=cnn5-w1-noise20,cnn5-w2-noise20&{TRIPLET}&u=35&v=18&half_width=0.1"
    page = open_tab(browser, f"{address}/Compare_widths?{link}")
    page.wait_for_selector("text=Against width", timeout=LONG)
    await_rest(page)
    assert page.locator(".stPlotlyChart").count() == 2
    assert page.locator("[data-testid=stDataFrame]").count() == 1
    links = page.locator(".annotation-text a").evaluate_all("links => links.map(link => link.href.baseVal)")
    assert len(links) == 2 and all(f"&{TRIPLET}&" in link for link in links)
    page.get_by_text("New window", exact=True).click()
    page.wait_for_function(
        "document.querySelector('.js-plotly-plot')?._fullLayout?.dragmode === 'select'", timeout=LONG
    )
    await_rest(page)
    box = page.locator(".stPlotlyChart .nsewdrag").first.bounding_box()
    drag_box(page, box, (0.3, 0.3), (0.6, 0.6))
    page.wait_for_function("new URLSearchParams(location.search).get('half_width') !== '0.1'", timeout=LONG)
    await_rest(page)
    assert 0.02 < float(query(page)["half_width"]) < 0.04
    assert page.locator("[data-testid=stAlert]").count() == 0
    page.context.close()


def test_a_path_of_two_models_is_found_zoomed_and_downloaded(browser, address, tmp_path):
    page = open_tab(browser, f"{address}/Paths?models=cnn5-w2-noise20,cnn5-w1-noise20&images=samples:0&num_anchors=4")
    page.wait_for_selector("text=breakpoints in view", timeout=LONG)
    await_rest(page)
    assert page.locator("[data-testid=stAlert]").count() == 0
    names = page.locator(".legendtext").all_text_contents()
    assert {"cnn5-w2-noise20, cat", "cnn5-w1-noise20, cat", "chord"} == set(names)
    page.get_by_role("button", name="Single pieces").click()
    page.wait_for_function("location.search.includes('baseline=view')", timeout=LONG)
    await_rest(page)
    page.locator(".lr-head", has_text="13 breakpoints in view").first.wait_for(timeout=LONG)
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=LONG) as download:
        page.get_by_role("button", name="Download PDF").click()
    download.value.save_as(tmp_path / "path.pdf")
    assert (tmp_path / "path.pdf").read_bytes().startswith(b"%PDF")
    page.context.close()


def test_a_width_of_the_sweep_opens_in_explore_and_can_be_measured_again(browser, address):
    page = open_tab(browser, f"{address}/Double_descent?family=vgg11")
    page.locator(".stPlotlyChart .points path.point").first.wait_for(timeout=LONG)
    await_rest(page)
    page.locator(".stPlotlyChart .points path.point").nth(1).click(force=True, timeout=LONG)
    link = page.get_by_role("link", name="open in Explore")
    link.wait_for(timeout=LONG)
    assert "model=vgg11-w2-noise20" in link.get_attribute("href")
    page.get_by_role("button", name="Measure again").click()
    dialog = page.get_by_role("dialog")
    for width in (3, 4, 6, 8, 12, 16):
        dialog.get_by_role("button", name=str(width), exact=True).click()
    dialog.get_by_text("2 networks, 2 paths").wait_for(timeout=LONG)
    dialog.get_by_role("button", name="Measure", exact=True).click()
    page.wait_for_selector("text=Measured here: 2 paths of 2 networks", timeout=LONG)
    page.get_by_role("button", name="Shipped results").click()
    page.wait_for_selector("text=Measured here", state="detached", timeout=LONG)
    page.context.close()
