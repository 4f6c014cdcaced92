"""Whose survivors are they: the test's, pytest's, a wider fixture's, or the harness's own.

pytest keeps a little of every test: its reports, the instance of a test class, what hangs on the
item. That is pytest's account, by name, and never the user's.
"""

from __future__ import annotations

import gc
import io
import sys
from array import array
from collections.abc import Callable, Collection, Iterable
from functools import partial
from importlib import import_module
from itertools import compress, filterfalse
from types import CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import _pytest._code
import _pytest.fixtures
import _pytest.python
import msgspec
import pytest

from pytest_leakcheck.sweep.boundary import Boundary, count_types, reach

if TYPE_CHECKING:
    from types import FrameType

    from _pytest.nodes import Node

_referents = gc.get_referents


def _optional(module: str, *names: str) -> list[type]:
    """Types that some versions of pytest have."""
    try:
        found = import_module(module)
    except ImportError:
        return []
    return [kind for name in names if (kind := getattr(found, name, None)) is not None]


#: What pytest makes for a test and keeps or drops later. Compared by identity of the type, which
#: runs no code of a user's metaclass.
_PYTEST_TYPES = frozenset(
    id(kind)
    for kind in (
        pytest.TestReport,
        pytest.CallInfo,
        pytest.ExceptionInfo,
        _pytest._code.Traceback,  # noqa: SLF001 - pytest exports no name for it
        _pytest.fixtures.FixtureDef,
        _pytest.fixtures.SubRequest,
        _pytest.fixtures.TopRequest,
        getattr(_pytest.python, "CallSpec", None) or _pytest.python.CallSpec2,
        *_optional("_pytest.subtests", "SubtestReport", "SubtestContext"),
        *_optional("_pytest.nodeid", "NodeId"),
    )
)

#: Reports, whose dict pytest itself asks for: from 3.13 on a report does not show it.
_REPORTS = frozenset(
    id(kind) for kind in (pytest.TestReport, *_optional("_pytest.subtests", "SubtestReport"))
)

#: Frames between an account's close and the test loop: ours, pluggy's, the loop's own.
_MOST_FRAMES = 12

#: Shapes that are remembered; a further one takes the place of one of them.
_ROOM_FOR_SHAPES = 512

#: The function of pluggy that calls a hook's implementations; its frame holds the wrappers.
_HOOK_CALL = "_multicall"


class Left(NamedTuple):
    """Survivors by account. Holds live objects: drop it soon."""

    mine: list[object]
    """The test's own."""
    pytest: int
    fixtures: int


class Division(NamedTuple):
    """How the survivors of one test divide."""

    pytest: int
    """Those that are pytest's."""
    mine: int = 0
    """The test's own."""
    types: bytes = b""
    """Theirs, as JSON, one object whatever it tells: ``{"module.Type": count}``; empty for none."""


class Shapes:
    """How survivors divided, by their types in their order: one test is like another.

    A test that leaves what an earlier one left is not looked into again: to have kept something
    of its own beside it, it must have pytest keep an object of the same type less, at the same
    place. What an instance of a test class reaches is set aside before. Nothing live is held; what
    is remembered has its room from the start.
    """

    def __init__(self) -> None:
        self._keys, self._pytests, self._mine = (
            array("q", bytes(8 * _ROOM_FOR_SHAPES)) for _ in range(3)
        )
        self._types = [b""] * _ROOM_FOR_SHAPES

    def divide(
        self,
        survivors: list[object],
        item: pytest.Item,
        mark: object,
        closer: Callable[[list[object], pytest.Item], Left],
    ) -> Division:
        """Divide what a test left, where no wider fixture was set up meanwhile. O(survivors).

        Args:
            survivors: what the boundary shows.
            item: the test that has ended.
            mark: the boundary's own object among them.
            closer: divides survivors of which not all are pytest's.
        """
        key, of_instance = self._shape_of(survivors, item)
        at = key % _ROOM_FOR_SHAPES
        if self._keys[at] == key:
            return Division(self._pytests[at] + of_instance, self._mine[at], self._types[at])
        count = count_pytests(survivors, item, mark)
        if count is not None:
            division = Division(count)
        else:
            left = closer(survivors, item)
            types = msgspec.json.encode(count_types(left.mine)) if left.mine else b""
            division = Division(left.pytest, len(left.mine), types)
        self._keys[at], self._types[at] = key, division.types
        self._pytests[at], self._mine[at] = division.pytest - of_instance, division.mine
        return division

    @staticmethod
    def _shape_of(survivors: list[object], item: pytest.Item) -> tuple[int, int]:
        """The shape's hash, and how many the instance of the test's class reaches."""
        instance = getattr(item, "_instance", None)
        rest: Iterable[object] = survivors
        of_instance = 0
        if instance is not None:
            young = dict(zip(map(id, survivors), survivors, strict=True))
            reached = reach([instance], young)
            of_instance = len(reached)
            if reached:
                rest = map(young.__getitem__, filterfalse(reached.__contains__, young))
        names = getattr(item, "fixturenames", ())
        key = hash((id(type(item)), len(names), instance is None, *map(id, map(type, rest))))
        return key, of_instance


def count_pytests(survivors: list[object], item: pytest.Item, mark: object) -> int | None:
    """How many survivors are pytest's, where all are its own or of the running hook call.

    Most tests leave nothing of their own: pytest's reports, what hangs on the item, the buffers of
    its log handlers, and the generators of the hook call that is running. That is seen in a tenth
    of the time of :func:`divide`. O(survivors).

    Args:
        survivors: what the boundary shows.
        item: the test that has ended.
        mark: the boundary's own object among them.

    Returns:
        ``None`` where one survivor at least needs the closer look of :func:`divide`.
    """
    kinds = list(map(id, map(type, survivors)))
    if _MODULE_TYPE in kinds:
        return None
    young = dict(zip(map(id, survivors), survivors, strict=True))
    call = _running_call()
    running = {id(mark)}
    running.update(map(id, call))
    running.update(map(id, _referents(*_of_kinds(call, _LIST))))
    parts = _state_parts(item)
    kept = young.keys() & map(id, parts)
    kept.update(compress(young, map(_PYTEST_TYPES.__contains__, kinds)))
    kept |= young.keys() & map(id, map(vars, _of_kinds(survivors, _REPORTS)))
    _spread(kept, kept, young)
    rest = _not_of_the_call(young, kept, running)
    if rest:
        waiting = set(map(id, _fixture_finalisers(item, young)))
        kept |= waiting
        _spread(kept, waiting, young)
        if not rest <= kept:
            return None
    return len(kept - running)


def _state_parts(item: pytest.Item) -> list[object]:
    """What hangs on an item, its log handlers and its class's instance, two steps deep."""
    parts = _referents(item, *_log_handlers(item))
    # An object's own dict is among its parts, where it has one.
    parts += _referents(*_of_kinds(parts, _OF_STATE))
    instance = getattr(item, "_instance", None)
    if instance is not None:
        own = _referents(instance)
        parts += own
        parts += _referents(*_of_kinds(own, _DICT))
    return parts


def _spread(kept: set[int], frontier: set[int], young: dict[int, object]) -> None:
    """Add to ``kept`` the young that ``frontier`` reaches through the young. Modules apart, which
    are not among them, as :func:`reach`."""
    while frontier:
        frontier = young.keys() & map(id, _referents(*map(young.__getitem__, frontier)))
        frontier -= kept
        kept |= frontier


def _not_of_the_call(young: dict[int, object], kept: set[int], running: set[int]) -> set[int]:
    """The young that are neither kept nor of the running call, its cells and iterators too."""
    rest = young.keys() - kept - running
    of_call = set()
    for key in rest:
        o = young[key]
        if id(type(o)) in _TRANSIENT and all(id(part) in running for part in _referents(o)):
            of_call.add(key)
    return rest - of_call


def _of_kinds(objects: list[object], kinds: frozenset[int]) -> Iterable[object]:
    """Those of some objects whose types have these ids."""
    return compress(objects, map(kinds.__contains__, map(id, map(type, objects))))


def divide(
    survivors: list[object],
    item: pytest.Item,
    fixture_ids: Collection[int] = (),
    own: Iterable[object] = (),
    stack: Iterable[object] = (),
) -> Left:
    """Divide survivors among the accounts. O(references of the survivors).

    Args:
        survivors: what the boundary shows.
        item: the test that has ended.
        fixture_ids: ids of objects born in the set-up of wider fixtures.
        own: objects of the harness; they and what they reach are nobody's.
        stack: what the running hooks hold, from :func:`running_state`; so are the young of these.
    """
    young = {id(o): o for o in survivors}
    kept = _reached([o for o in survivors if id(type(o)) in _PYTEST_TYPES], young)
    kept.update(map(id, map(vars, _of_kinds(survivors, _REPORTS))))
    kept |= _reached(_state_of(item, young), young)
    running = _reached([*own, *(o for o in stack if id(o) in young)], young)
    # An iterator over a list of the running call is of the call, how old the list may be.
    running.update(map(id, stack))
    mine: list[object] = []
    of_pytest = of_fixtures = 0
    for key, o in young.items():
        if key in running or _is_of_the_stack(o, item, running):
            continue
        if key in kept:
            of_pytest += 1
        elif key in fixture_ids:
            of_fixtures += 1
        else:
            mine.append(o)
    return Left(mine, of_pytest, of_fixtures)


def survivors_of(item: pytest.Item, boundary: Boundary, looking: object) -> list[object]:
    """What a repeat of a test left of its own; wider fixtures' parts count. Collect first.

    Holds live objects: drop it soon.

    Args:
        looking: the part of the harness that asks, which is none of the test's.
    """
    young = boundary.survivors()
    return divide(young, item, (), [looking, looking.__dict__, boundary.mark]).mine


_TRANSIENT = frozenset(map(id, (CellType, type(iter([])), type(reversed([])))))

_CONTAINERS = frozenset(map(id, (dict, list)))
_LIST, _DICT = frozenset({id(list)}), frozenset({id(dict)})
_MODULE_TYPE = id(ModuleType)

#: Types of an item's parts that may be old and still get young parts: its dict and its lists, and
#: its stash, whose dict is found one step further.
_OF_STATE = _CONTAINERS | {id(pytest.Stash)}


def _is_of_the_stack(o: object, item: pytest.Item, running: set[int]) -> bool:
    """Whether an object is a part of a running hook call that no frame shows: a cell or iterator
    over the call's own lists, the keywords of a call in C."""
    if id(type(o)) in _TRANSIENT:
        return all(id(part) in running for part in _referents(o))
    if type(o) is not dict or len(o) != 2 or any(type(key) is not str for key in o):
        return False
    return o.get("item") is item and "nextitem" in o


def _reached(roots: list[object], young: dict[int, object]) -> set[int]:
    return reach(roots, young) | {id(o) for o in roots}


def _state_of(item: pytest.Item, young: dict[int, object]) -> list[object]:
    """What pytest keeps of a test: the state of its item and collectors (a class instance, its
    stash), what waits for their teardown, and the log handlers that it empties by putting new
    buffers in."""
    roots: list[object] = [item.session._setupstate.stack]  # noqa: SLF001
    for node in item.listchain():
        roots += [node, *_own_dicts(node)]
    # What they hold may be old and still get young parts: a stash, a list of report sections, an
    # instance that pytest made at collection.
    attributes = _referents(item, *_own_dicts(item))
    roots += [part for part in attributes if id(type(part)) in _CONTAINERS]
    for part in (item.stash, getattr(item, "_instance", None)):
        if part is not None:
            roots += [part, *(inner for inner in _referents(part) if type(inner) is dict)]
    roots += [part for h in _log_handlers(item) for part in (h, h.__dict__)]
    roots += _fixture_finalisers(item, young)
    # pytest keeps the parameters of all tests to the end, and an exception keeps its frames.
    roots += parameter_exceptions(item)
    return roots


def _own_dicts(node: Node) -> list[object]:
    """The dict of a node's attributes, where there is one.

    Asking for ``__dict__`` would make one, from 3.11 on, which stays as long as the node. From 3.13
    on the node itself shows the attributes, or the dict does, or both.
    """
    keywords = node.keywords
    dicts = [part for part in _referents(node) if type(part) is dict]
    return [part for part in dicts if any(value is keywords for value in part.values())]


def _fixture_finalisers(item: pytest.Item, young: dict[int, object]) -> list[object]:
    """pytest's and the harness's own calls that wait in fixtures for their end.

    A narrower fixture that uses a wider one leaves one there each time, until the wider one ends.
    The finaliser of a user's fixture is not among them: it may hold what the tests put there.
    """
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return []
    found: list[object] = []
    for definitions in info.name2fixturedefs.values():
        for definition in definitions:
            # The young ones are the last ones: a session fixture may have thousands of old ones.
            for waiting in reversed(getattr(definition, "_finalizers", ())):
                if id(waiting) not in young:
                    break
                if _waiting_call(waiting) in _WAITING:
                    found.append(waiting)
    return found


def parameter_exceptions(item: pytest.Item) -> list[BaseException]:
    """Exceptions among an item's parameters, in lists and tuples too."""
    call = getattr(item, "callspec", None)
    pending: list[Any] = [] if call is None else list(call.params.values())
    found: list[BaseException] = []
    for depth in range(3):
        found += [value for value in pending if issubclass(type(value), BaseException)]
        inner = [value for value in pending if type(value) in (list, tuple)] if depth < 2 else []
        pending = [part for value in inner for part in value[:50]]
    return found


#: pytest-memray's markers; one memray tracker may exist in a process, and one of them on a test.
MEMRAY_MARKS = ("limit_memory", "limit_leaks", "limit_leaked_objects")


def has_pytest_memray(config: pytest.Config) -> bool:
    """Whether pytest-memray is active, under its entry point's or its module's name."""
    manager = config.pluginmanager
    return manager.hasplugin("memray") or manager.hasplugin("pytest_memray.plugin")


def drop_finished(definitions: Iterable[pytest.FixtureDef[Any]]) -> None:
    """Take finished fixtures' calls of ``finish`` out of the wider fixtures where they wait.

    pytest leaves one there for each set-up of a narrower fixture, until the wider one ends. A
    repeated test would gather them; a call for a fixture that has ended does nothing.
    """
    for definition in definitions:
        waiting = definition._finalizers  # noqa: SLF001
        if len(waiting) > 1:
            waiting[:] = [call for call in waiting if not _has_finished(call)]


def _has_finished(call: object) -> bool:
    if type(call) is not partial or type(call.func) is not MethodType:
        return False
    owner = call.func.__self__
    return type(owner) is _pytest.fixtures.FixtureDef and owner.cached_result is None


#: Whose calls wait in fixtures without being the user's, by the call's qualified name.
_WAITING = frozenset({"FixtureDef.finish", "FixtureDef.execute", "Sweep._finalising"})


def _waiting_call(waiting: object) -> str:
    """The qualified name of a waiting call: of the method that a partial binds, or of the function
    that made a closure; empty for any other."""
    if type(waiting) is partial and type(waiting.func) is MethodType:
        function: object = waiting.func.__func__
    else:
        function = waiting
    if type(function) is not FunctionType:
        return ""
    return function.__qualname__.partition(".<locals>")[0]


def _log_handlers(item: pytest.Item) -> list[Any]:
    plugin = item.config.pluginmanager.get_plugin("logging-plugin")
    found = (getattr(plugin, name, None) for name in ("caplog_handler", "report_handler"))
    return [handler for handler in found if handler is not None]


def settle_log_buffers(item: pytest.Item) -> None:
    """Let the text buffers of pytest's log handlers drop the lists that they write into.

    Before Python 3.12 a ``StringIO`` keeps what is written in lists that it does not show to the
    collector; reading makes it one string.
    """
    for handler in _log_handlers(item):
        stream = getattr(handler, "stream", None)
        if type(stream) is io.StringIO and not stream.closed:
            stream.seek(0, 2)
            stream.readline()


def running_state(depth: int) -> list[object]:
    """What the frames on the stack hold, from the caller's ``depth``-th caller outwards.

    A running frame shows the collector nothing, so its locals are listed. They are those of the
    harness, of pluggy and of the test loop: the test's own frames have gone. Of a hook call, what
    its lists hold is listed too: the lists are older than the test, the wrappers in them are not.
    """
    found: list[object] = []
    frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        values = frame.f_locals
        found.append(values)
        found.extend(values.values())
        if frame.f_code.co_name == _HOOK_CALL:
            lists = [value for value in values.values() if type(value) is list]
            found.extend(_referents(*lists))
        frame = frame.f_back
    return found


def _running_call() -> list[object]:
    """The locals of the innermost hook call on the stack; empty where there is none."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_name == _HOOK_CALL:
            return list(frame.f_locals.values())
        frame = frame.f_back
    return []
