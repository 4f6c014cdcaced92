"""What may be imported where: the rooms of the package, and what a user's process pays for."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pytest_leakcheck

PACKAGE = "pytest_leakcheck"
HOME = Path(pytest_leakcheck.__file__).parent
HEAVY = ("pandas", "numpy", "rich", "jinja2", "memray", "objgraph", "chromadb")


def loaded(code: str, *words: str, cwd: Path | None = None) -> set[str]:
    """The modules that a fresh interpreter has loaded after some lines; the last line counts."""
    script = textwrap.dedent(code) + "\nimport sys\nprint('\\n' + ' '.join(sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.splitlines()[-1].split())


def heavy(modules: set[str]) -> set[str]:
    """The heavy ones among some modules."""
    return {name for name in modules if name.partition(".")[0] in HEAVY}


def ours(modules: set[str]) -> set[str]:
    """The modules of this package among some."""
    return {name for name in modules if name.partition(".")[0] == PACKAGE}


def test_the_plugin_alone_loads_nothing_else() -> None:
    """Every pytest run pays for this import, whether it measures or not."""
    modules = loaded("import pytest_leakcheck.plugin")
    assert ours(modules) == {PACKAGE, f"{PACKAGE}.plugin"}
    assert heavy(modules) == set()
    assert "msgspec" not in modules


def test_a_run_that_does_not_measure_loads_nothing_else(tmp_path: Path) -> None:
    """Options and hooks of an idle plugin import nothing."""
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    modules = loaded(
        "import pytest\nassert pytest.main(['-q', '-p', 'leakcheck', 'test_a.py']) == 0",
        cwd=tmp_path,
    )
    assert ours(modules) == {PACKAGE, f"{PACKAGE}.plugin"}


@pytest.mark.parametrize("depth", ["sweep", "default"])
def test_a_run_that_measures_loads_nothing_heavy(tmp_path: Path, depth: str) -> None:
    """Tables, pages, stacks and graphs are for other processes, or for candidates."""
    (tmp_path / "test_a.py").write_text("KEPT = []\ndef test_a(): KEPT.append([])\n")
    words = ["-q", "-p", "leakcheck", "--leakcheck", f"--leakcheck-depth={depth}", "test_a.py"]
    if depth == "default":
        words.append("--leakcheck-confirm-budget=0")
    modules = loaded(f"import pytest\nassert pytest.main({words!r}) == 0", cwd=tmp_path)
    assert heavy(modules) == set()
    assert f"{PACKAGE}.sweep.hooks" in modules
    assert not {name for name in modules if name.startswith(f"{PACKAGE}.explain")}


@pytest.mark.parametrize(
    "module", ["model.results", "options", "store.reader", "confirm.tasks", "conclude.run"]
)
def test_pure_modules_load_no_measuring(module: str) -> None:
    """Records are read on machines where nothing is measured, without pytest."""
    modules = loaded(f"import {PACKAGE}.{module}")
    assert heavy(modules) == set()
    assert "pytest" not in modules
    assert not {name for name in modules if name.startswith(f"{PACKAGE}.sweep")}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, lazily or not; only for types does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = path.relative_to(HOME.parent).parts[: -node.level]
                module = ".".join((*parents, *filter(None, [module])))
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def test_the_layers_hold() -> None:
    """Data moves one way: the contracts in pyproject.toml are kept."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_room_has_something_in_it() -> None:
    """An empty package does not exist."""
    empty = [
        path.parent.name
        for path in HOME.rglob("__init__.py")
        if not any(other != path for other in path.parent.rglob("*.py"))
    ]
    assert empty == []


def test_what_measures_imports_the_standard_library_and_msgspec_only() -> None:
    """pytest and psutil apart, and memray where it is asked for."""
    allowed = {
        *sys.stdlib_module_names,
        "msgspec",
        "pytest",
        "_pytest",
        "pluggy",  # pytest's own
        "psutil",
        "memray",
        "tomllib",
        "tomli",  # the one is the other on Python 3.10
        PACKAGE,
    }
    rooms = ("sweep", "confirm", "resources", "native", "explain")
    for path in sorted(path for room in rooms for path in (HOME / room).rglob("*.py")):
        foreign = {name for name in imports(path) if name.partition(".")[0] not in allowed}
        assert foreign == set(), path.name
