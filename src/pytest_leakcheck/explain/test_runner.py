"""What hangs on the test runner's own objects: is it the runner's, or did somebody hang it there?

pytest keeps reports, fixtures' values and what its hooks write down. A suite may hang things on the
same objects: an attribute of ``config``, an entry of a stash, the state of a plugin of its own.
Those are the suite's.
"""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator, Sequence
from functools import cache

from pytest_leakcheck.explain.graph import HARNESS, Hop, LiveGraph, Root
from pytest_leakcheck.explain.introspect import (
    Live,
    attribute,
    class_dict,
    class_name,
    module_dict,
    mro_of,
    package_of,
)
from pytest_leakcheck.explain.paths import Path
from pytest_leakcheck.explain.roots import fixture_name

#: Where paths to what hangs on them begin, by class, and what people call them.
_ANCHORS = {
    "_pytest.config.Config": "config",
    "_pytest.main.Session": "session",
    "_pytest.nodes.Node": "{} node",
}
_STASH = "_pytest.stash.Stash"
_PLUGINS = "_name2plugin"
_STDLIB = frozenset(sys.stdlib_module_names) | {"builtins"}
_STORE = dis.opmap["STORE_ATTR"]
_EXTENDED = dis.opmap["EXTENDED_ARG"]


def at_the_runner(graph: LiveGraph, path: Path) -> Path:
    """A path that leads through the runner's configuration, session, a node, or a plugin of the
    suite's, begun there: how it came to that object says nothing."""
    for at in range(len(path.chain) - 2, -1, -1):
        name = _anchor(path.chain, at)
        if name:
            chain = path.chain[at:]
            root = Root(name, "expected", path.root.rank, "it lives as long as the test run")
            return Path(root, chain, graph.hops(chain))
    return path


def is_runners_own(path: Path) -> bool:
    """Whether the test runner keeps what the path leads to by itself. O(length), and once O(code of
    the runner)."""
    of_runner = [at for at, node in enumerate(path.chain[:-1]) if _is_runners(node)]
    if not of_runner and path.root.name.partition(".")[0] not in HARNESS:
        return False
    chain = path.chain[of_runner[-1] if of_runner else 0 :]
    if fixture_name(chain[0]) is not None:
        return False  # the value of a fixture is the suite's
    if any(_is_users(node) for node in chain[:-1]):
        return False
    holders = [path.chain[0], *(hop.node for hop in path.hops)]
    steps = zip(holders, path.hops, strict=False)
    return not any(_is_hung_on(holder, hop) for holder, hop in steps) and not any(
        _is_foreign_entry(stash, path.chain) for stash in path.chain
    )


def _anchor(chain: Sequence[Live], at: int) -> str:
    """What to call an object of a path as its root; empty for one that is none."""
    cls = type(chain[at])
    if package_of(cls) in HARNESS:
        for base in mro_of(cls):
            found = _ANCHORS.get(class_name(base))
            if found:
                return found.format(class_name(cls).rpartition(".")[2].lower())
        return ""
    if at and _is_users(chain[at]) and _is_plugin_table(chain[:at]):
        return f"plugin {class_name(cls)}"
    return ""


def _is_plugin_table(before: Sequence[Live]) -> bool:
    table = before[-1]
    managers = [o for o in before if package_of(type(o)) in HARNESS]
    return type(table) is dict and any(
        attribute(manager, _PLUGINS, make=True) is table for manager in managers
    )


def _is_runners(o: Live) -> bool:
    if issubclass(type(o), types.ModuleType):
        return str(module_dict(o).get("__name__", "")).partition(".")[0] in HARNESS
    return package_of(type(o)) in HARNESS


def _is_users(o: Live) -> bool:
    """Whether an object is an instance of a class that is neither the runner's nor the standard
    library's."""
    package = package_of(type(o))
    return package not in HARNESS and package not in _STDLIB


def _is_hung_on(holder: Live, hop: Hop) -> bool:
    """Whether a step is an attribute that nothing in the runner's code ever stores."""
    if package_of(type(holder)) not in HARNESS or not hop.generic.startswith("."):
        return False
    name = hop.generic[1:].partition("[")[0].partition(".")[0]
    return name not in _stored_names()


def _is_foreign_entry(stash: Live, chain: Sequence[Live]) -> bool:
    """Whether a path leads through an entry of a stash under a key that the runner has not made."""
    if class_name(type(stash)) != _STASH:
        return False
    storage = attribute(stash, "_storage", make=True)
    if type(storage) is not dict:
        return False
    on_the_way = set(map(id, chain))
    keys = [key for key, value in dict.items(storage) if id(value) in on_the_way]
    own = _stash_keys()
    return any(id(key) not in own for key in keys)


def _runner_modules() -> list[types.ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in HARNESS and issubclass(type(module), types.ModuleType)
    ]


def _stash_keys() -> set[int]:
    """Ids of the keys that the runner's modules hold. O(names of its modules)."""
    return {
        id(value)
        for module in _runner_modules()
        for value in module_dict(module).values()
        if class_name(type(value)) == "_pytest.stash.StashKey"
    }


@cache
def _stored_names() -> frozenset[str]:
    """The names of all attributes that the runner's code stores or declares."""
    found: set[str] = set()
    for module in _runner_modules():
        for value in list(module_dict(module).values()):
            found |= _names_of(value)
    return frozenset(found)


def _names_of(value: Live) -> set[str]:
    if type(value) is types.FunctionType:
        return set(_stores(value.__code__))
    if not issubclass(type(value), type) or package_of(value) not in HARNESS:
        return set()
    names: set[str] = set()
    for name, member in class_dict(value).items():
        names.add(name)
        inner = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if type(inner) is types.FunctionType:
            names |= set(_stores(inner.__code__))
    names |= set(class_dict(value).get("__annotations__", ()))
    return names


def _stores(code: types.CodeType) -> Iterator[str]:
    """The attributes that a function stores, and those of the functions in it."""
    argument = 0
    words = code.co_code
    for at in range(0, len(words), 2):
        argument = argument << 8 | words[at + 1]
        if words[at] == _STORE:
            yield code.co_names[argument]
        if words[at] != _EXTENDED:
            argument = 0
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _stores(constant)
