"""The table of all tools on the same networks and windows."""

from collections.abc import Iterator

from tests.peers.networks import CNN, MLPS
from tests.peers.process import BY_PYTORCH, EDGES, LINES, OURS, Cost, measure_apart

HEADER = (
    "| network | tool | regions | seconds | CPU seconds | CPU time against lrviz "
    "| peak memory (before the first region) | peak memory against lrviz |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
_EXACT = (OURS, BY_PYTORCH, "regioncam", EDGES)
ROWS = dict.fromkeys(MLPS, _EXACT) | {
    "2-64x4-10": (*_EXACT, LINES),
    CNN: (*_EXACT, LINES),
    "vgg8 1e4": (OURS, BY_PYTORCH),
    "vgg8 1e5": (OURS, BY_PYTORCH),
    "vgg8 1e6": (OURS,),
}
"""The tools that take each network, ours first."""

AGREEMENT = 1e-3
"""Counts differ at most by this share: `regioncam` works in float32."""


def lines(repeats: int) -> Iterator[str]:
    """The table, line by line, as it is measured."""
    yield HEADER
    for name, tools in ROWS.items():
        for tool in tools:
            cost, own = measure_apart(tool, name, repeats), measure_apart(OURS, name, repeats)
            require_agreement(tool, name, cost, own)
            yield row(tool, name, cost, own)


def row(tool: str, name: str, cost: Cost, own: Cost) -> str:
    """What a tool takes, beside what lrviz does; of the regions that lines meet, their share as well."""
    share = f" ({100 * cost.regions / own.regions:.0f} %)" if tool == LINES else ""
    cells = (
        name, tool, f"{cost.regions:,}{share}", f"{cost.seconds:.2f}", f"{cost.cpu:.2f}", ratio(cost.cpu, own.cpu),
        f"{cost.peak:,.0f} MB ({cost.before:,.0f} MB)", ratio(cost.peak, own.peak),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def ratio(value: float, own: float) -> str:
    """How many times as much: in two digits, or as many as a whole number has.

    >>> ratio(3, 2), ratio(0.066, 1), ratio(123.4, 1), ratio(2, 2)
    ('1.5', '0.066', '123', '1.0')
    """
    times = value / own
    return f"{times:#.2g}" if times < 9.95 else f"{times:,.0f}"


def require_agreement(tool: str, name: str, cost: Cost, own: Cost) -> None:
    """Stop where a tool that finds all regions does not find as many as lrviz."""
    if tool != LINES and abs(cost.regions - own.regions) > AGREEMENT * own.regions:
        raise SystemExit(f"{tool} finds {cost.regions:,} regions of {name}; lrviz {own.regions:,}.")
