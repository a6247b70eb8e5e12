"""How fast the app answers on this machine, in a browser: `python -m tests.benchmark_app`.

Beside each time stands that of a bare Streamlit page with one Plotly chart, in the same run.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
LONG = 120_000
LINK = "model=cnn5-w8-noise20&a=samples:0&b=samples:1&c=samples:4&u=35&v=18"
HALF_WIDTHS = {1_000: 0.11, 10_000: 0.34}
"""Half widths of windows of about so many regions."""

REPEATS = 5
COMPLETE = "[data-testid=exact-map][data-status=complete]:not([data-drawn=''])"
BARE = """
import plotly.graph_objects as go
import streamlit as st

shift = st.button("again") + st.session_state.setdefault("shift", 0)
st.session_state.shift = shift
st.plotly_chart(go.Figure(go.Scatter(y=[shift + k % 7 for k in range(1000)])).update_layout(title=f"number {shift}"))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serve(bare, folder) as address:
            bare_cold, bare_new, bare_warm, bare_again = time_bare(browser, address)
        with serve(ROOT / "app.py", folder) as address:
            seconds = time_first(browser, map_address(address, 1_000), COMPLETE)
            rows = [("first exact map, cold server, empty cache", seconds, bare_cold)]
        with serve(ROOT / "app.py", folder) as address:
            first = map_address(address, 1_000)
            cold, new, again = time_openings(browser, first, COMPLETE)
            rows.append(("first exact map, cold server", cold, bare_cold))
            rows.append(("first exact map, warm server, new browser", new, bare_new))
            rows.append(("first exact map, warm server, browser that was here before", again, bare_warm))
            page = new_context(browser).new_page()
            page.goto(first)
            rows += [(f"sent range to drawn map, {n}", seconds, bare_again) for n, seconds in time_moves(page)]
            rows.append(("click to the region's card", time_click(page), bare_again))
            rows.append(("colour to drawn map", time_colour(page), bare_again))
            rows.append(("back to a page seen before", time_switch(page), bare_warm))
        browser.close()
    print("| what | seconds | bare page |\n| --- | --- | --- |")
    for what, seconds, beside in rows:
        print(f"| {what} | {seconds if isinstance(seconds, str) else f'{seconds:.2f}'} | {beside:.2f} |")


@contextmanager
def serve(script: Path, folder: str) -> Iterator[str]:
    """A server of a script with an empty cache; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "LRVIZ_CACHE_DIR": f"{folder}/cache", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    server = subprocess.Popen(command, cwd=script.parent, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEATS))


def timed(action: Callable[[], object], wait: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    wait()
    return time.perf_counter() - began


def time_bare(browser: Browser, address: str) -> tuple[float, float, float, float]:
    """Seconds until the first chart, as `time_openings` has it, and until one after a button."""
    trace = ".scatterlayer .trace"
    cold, new, again = time_openings(browser, address, trace)
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector(trace, timeout=LONG)
    number = 0

    def press() -> float:
        nonlocal number
        number += 1
        return timed(page.get_by_text("again").click, lambda: page.wait_for_selector(f"text=number {number}"))

    return cold, new, again, median(press)


def new_context(browser: Browser) -> BrowserContext:
    """What a browser is that has nothing of the app's yet."""
    return browser.new_context(viewport={"width": 1440, "height": 900})


def map_address(address: str, number: int) -> str:
    return f"{address}/?{LINK}&half_width={HALF_WIDTHS[number]}"


def time_openings(browser: Browser, address: str, wanted: str) -> tuple[float, float, float]:
    """From an address to what is wanted: at first, in another new browser, and in one that was here before."""
    first, new = time_first(browser, address, wanted), median(lambda: time_first(browser, address, wanted))
    context = new_context(browser)
    again = median(lambda: time_opening(context, address, wanted))
    context.close()
    return first, new, again


def time_first(browser: Browser, address: str, wanted: str) -> float:
    context = new_context(browser)
    seconds = time_opening(context, address, wanted)
    context.close()
    return seconds


def time_opening(context: BrowserContext, address: str, wanted: str) -> float:
    page = context.new_page()
    seconds = timed(
        lambda: page.goto(address, wait_until="commit"), lambda: page.wait_for_selector(wanted, timeout=LONG)
    )
    page.close()
    return seconds


def time_moves(page: Page) -> Iterator[tuple[str, str]]:
    """For each number of regions: time from the sent range to the drawn map, and what of it finding took."""
    for half_width in HALF_WIDTHS.values():
        page.goto(f"{page.url.partition('?')[0]}?{LINK}&half_width={half_width}")
        page.wait_for_selector(COMPLETE, timeout=LONG)
        page.wait_for_selector("text=128 ×", timeout=LONG)  # nothing else is computed any more
        answers, findings, paintings, numbers = [], [], [], []
        for step in range(REPEATS + 1):
            page.evaluate("performance.clearMeasures()")
            page.locator("[data-testid=exact-map]").press("ArrowRight" if step % 2 else "ArrowUp")
            page.wait_for_function("performance.getEntriesByName('exact-map drawn').length", timeout=LONG)
            for name, seconds in (("drawn", answers), ("painted", paintings)):
                seconds.append(page.evaluate(f"performance.getEntriesByName('exact-map {name}')[0].duration") / 1000)
            findings.append(read_seconds(page.locator(".map-text").inner_text()))
            numbers.append(int(page.locator("[data-testid=exact-map]").get_attribute("data-regions")))
        answer, finding, painting = (statistics.median(times[1:]) for times in (answers, findings, paintings))
        number = f"{statistics.median(numbers):,.0f} regions"
        yield number, f"{answer:.2f} (finding {finding:.2f}, painting in the browser {painting:.2f})"


def read_seconds(words: str) -> float:
    """The time that finding took, in the words beside the map."""
    number, unit = words.split(", ")[1].split()
    return float(number) * {"ms": 1e-3, "s": 1.0, "min": 60.0}[unit]


def time_click(page: Page) -> float:
    box = page.locator(".st-key-exact .nsewdrag").bounding_box()
    card = ".st-key-region .lr-number .long"
    places = iter([(0.3, 0.3), (0.7, 0.6), (0.4, 0.7), (0.6, 0.2), (0.2, 0.5), (0.5, 0.5)])

    def click() -> float:
        u, v = next(places)
        before = page.locator(card).first.inner_text()
        return timed(
            lambda: page.mouse.click(box["x"] + u * box["width"], box["y"] + v * box["height"]),
            lambda: page.wait_for_function(f"document.querySelector('{card}').innerText !== '{before}'"),
        )

    return median(click)


def time_colour(page: Page) -> float:
    """From choosing a layer colouring to the map that shows it."""

    def toggle() -> float:
        before = page.evaluate("document.querySelector('.map-plot').data.length")
        return timed(
            page.get_by_text("Edges coloured by layer").click,
            lambda: page.wait_for_function(f"document.querySelector('.map-plot').data.length !== {before}"),
        )

    return median(toggle)


def time_switch(page: Page) -> float:
    def there_and_back() -> float:
        page.get_by_role("link", name="Models").click()
        page.wait_for_selector("[data-testid=stDataFrame]", timeout=LONG)
        page.wait_for_timeout(500)
        return timed(
            page.get_by_role("link", name="Explore").click, lambda: page.wait_for_selector(COMPLETE, timeout=LONG)
        )

    return median(there_and_back)


if __name__ == "__main__":
    main()
