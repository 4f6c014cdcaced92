"""Which module a name is at home in: one that gives it its value, or one that imports it.

Asked only where paths from several modules are equally good: a module's source is read for it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from pytest_leakcheck.explain.introspect import Live

#: Longer sources are not read.
_MOST_BYTES = 1_000_000


def is_imported(namespace: Live, name: str) -> bool:
    """Whether a module's source imports a name at its top level, and gives it no value there.

    ``False`` where there is no source to be read.

    Args:
        namespace: the module's.
    """
    file = namespace.get("__file__") if type(namespace) is dict else None
    if type(file) is not str or not file.endswith(".py"):
        return False
    try:
        with Path(file).open("rb") as source, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash too many
            tree = ast.parse(source.read(_MOST_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    imported = False
    for node in _top_level(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            imported |= any((alias.asname or alias.name) in (name, "*") for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name:
                return False
        elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return False
    return imported


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes of a module that run when it is imported: not what is inside of functions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
