"""The layers of the house: a file imports from layers below its own, and from its own without going round."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS: tuple[str, ...] = (
    "errors shapes tolerance progress devices",
    "plane paths partition",
    "operations conversion kernels program restrict",
    "regions tiles subdivide merge knots polygon line estimate raster gradient",
    "deviation measures locate piecewise curve",
    "store diskstore view pipeline tables comparison sweeps path_view",
    "figures export",
    "selection session survey cli ui app pages __init__",
)
"""What belongs to which layer, from the lowest up; a folder stands for its files."""

SIDE_BRANCH = frozenset(["architectures", "assets", "recipes", "datasets", "images", "zoo", "train"])
"""Imported by the uppermost layer and by each other; they know the errors."""

LAYER = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
TOP = len(LAYERS) - 1
DRAWING = frozenset({"matplotlib", "plotly", "streamlit"})


def source_files() -> list[Path]:
    return [*sorted((ROOT / "lrviz").rglob("*.py")), *sorted(ROOT.glob("*.py")), *sorted((ROOT / "pages").glob("*.py"))]


def module_of(path: Path) -> str:
    """The layer table's name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "lrviz" else parts[0]


def imported(source: str) -> set[str]:
    """All modules that a file imports anywhere, `lrviz.x` for both ways to import x."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            known = LAYER.keys() | SIDE_BRANCH
            named = {alias.name for alias in node.names} & known if node.module == "lrviz" else set()
            found |= {f"lrviz.{name}" for name in named} or {node.module or ""}
    return found


def inner(path: Path) -> set[str]:
    """The modules of the package that a file imports, by the layer table's names, its own folder left out."""
    return own_modules(path.read_text()) - {module_of(path)}


def own_modules(source: str) -> set[str]:
    parts = [name.split(".") for name in imported(source)]
    return {names[1] if len(names) > 1 else "__init__" for names in parts if names[0] == "lrviz"}


def violations(module: str, imports: set[str]) -> list[str]:
    if module in SIDE_BRANCH:
        return sorted(imports - SIDE_BRANCH - {"errors"})
    return sorted(
        name for name in imports if (LAYER[module] < TOP if name in SIDE_BRANCH else LAYER[name] > LAYER[module])
    )


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_from_below(path: Path) -> None:
    module = module_of(path)
    assert module in LAYER.keys() | SIDE_BRANCH, f"say in this test which layer {module} belongs to"
    assert violations(module, inner(path)) == []


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_upper_layers_draw(path: Path) -> None:
    module, drawing = module_of(path), {name.split(".")[0] for name in imported(path.read_text())} & DRAWING
    if module in ("ui", "app", "pages"):
        return
    assert "streamlit" not in drawing
    assert not drawing or LAYER.get(module, 0) >= LAYER["figures"]


def test_nothing_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in source_files():
        graph.setdefault(module_of(path), set()).update(inner(path))
    TopologicalSorter(graph).prepare()


def test_the_table_lists_what_exists() -> None:
    existing = {module_of(path) for path in source_files()}
    assert (LAYER.keys() | SIDE_BRANCH) - existing == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("plane", "from lrviz.program import Program"),
        ("plane", "def f():\n    from lrviz import program"),
        ("measures", "import lrviz.figures.style"),
        ("pipeline", "from lrviz.zoo import load_model"),
        ("zoo", "from lrviz.plane import Plane"),
        ("polygon", "from lrviz import find_pieces"),
    ],
)
def test_a_wrong_import_is_noticed(module: str, source: str) -> None:
    assert violations(module, own_modules(source)) != []
