"""Chains of objects as steps that people recognise.

An instance and its ``__dict__`` are one step; so are a function, its closure, a cell and its
content, and a context and the tree inside it.
"""

from __future__ import annotations

import contextvars
import types
from collections.abc import Callable, Collection

from pytest_leakcheck.explain import frames
from pytest_leakcheck.explain.edges import (
    Edge,
    callable_name,
    dict_edge,
    dotted,
    function_name,
    key_of,
    name_edge,
    raw_closure,
    raw_code,
)
from pytest_leakcheck.explain.inline import is_inline_type
from pytest_leakcheck.explain.introspect import (
    LRU,
    Live,
    ThreadLocal,
    attribute,
    instance_dict,
    namespace_of_class,
    plain,
    type_name,
)

_TREE = frozenset({"hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node"})

_raw_variable_name = contextvars.ContextVar.__dict__["name"].__get__
_raw_back = types.FrameType.__dict__["f_back"].__get__
_context_items = contextvars.Context.items


#: Of a chain that repeats the same types, so many steps are named at either end.
_NAMED = 64
#: Longest run of types that is recognised as one that repeats.
_PERIOD = 6


def name_chain(chain: list[Live]) -> list[tuple[Live, Edge]]:
    """Each merged step after the first object: (object, edge that leads to it).

    Of a long linked list what lies between the ends, of the same types in the same order, is left
    out: to name an attribute may give its object a dict, which stays. O(size of the containers that
    are named).
    """
    steps: list[tuple[Live, Edge]] = []
    at = 0
    while at < len(chain) - 1:
        edge, links = _merged(chain, at)
        at += links
        steps.append((chain[at], edge))
        if len(steps) % _NAMED == 0:
            at = _past_repeats(chain, at)
    return steps


def _past_repeats(chain: list[Live], at: int) -> int:
    """Near the end of the stretch that repeats the types before this position, in the same phase;
    the position itself where there is no long one. O(length of the stretch)."""
    for period in range(1, min(_PERIOD, at) + 1):
        end = at
        while end < len(chain) and type(chain[end]) is type(chain[end - period]):
            end += 1
        left_out = (end - at - _NAMED) // period * period
        if left_out > 0:
            return at + left_out
    return at


def _merged(chain: list[Live], at: int) -> tuple[Edge, int]:
    for merge in _MERGERS:
        found = merge(chain, at)
        if found is not None:
            return found
    return name_edge(chain[at], chain[at + 1]), 1


# --- steps that people see as one ----------------------------------------------------------------


def _through_namespace(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Instance, module or class → its namespace → value: ``.name``."""
    holder, target = chain[at], chain[at + 1]
    if not issubclass(type(target), dict) or not _is_namespace(holder, target):
        return None
    name = key_of(target, chain[at + 2]) if at + 2 < len(chain) else None
    return (dotted(name), 2) if name is not None else (Edge(".__dict__", ".__dict__"), 1)


def _is_namespace(holder: Live, target: Live) -> bool:
    if issubclass(type(holder), type):
        return namespace_of_class(holder) is target
    if issubclass(type(holder), ThreadLocal):
        return type(target) is dict
    if is_inline_type(type(holder)) and type(target) is dict:
        # Only an instance that has a dict already gets here by one: none is made.
        return instance_dict(holder, make=True) is target
    return instance_dict(holder) is target


def _through_closure(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Function → closure → cell → content: ``closure cell x of f``."""
    function = chain[at]
    if type(function) is not types.FunctionType:
        return None
    cells = raw_closure(function)
    if cells is None or chain[at + 1] is not cells or at + 2 >= len(chain):
        return None
    for name, cell in zip(raw_code(function).co_freevars, cells, strict=False):
        if cell is chain[at + 2]:
            text = f"closure cell {name} of {function_name(function)}"
            held = at + 3 < len(chain) and frames.cell_contents(cell) is chain[at + 3]
            return Edge(text, text), 3 if held else 2
    return None


def _through_cache(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """``lru_cache`` wrapper (→ its dict) → key or result: ``cache of f[*]``."""
    wrapper, target = chain[at], chain[at + 1]
    if type(wrapper) is not LRU:
        return None
    function = attribute(wrapper, "__wrapped__")
    if target is function or target is instance_dict(wrapper):
        return None
    edge = Edge(f"cache of {callable_name(function)}[*]", "cache[*]", "cache of {}[*]")
    if type(target) is dict and at + 2 < len(chain):
        return edge, 2
    return edge, 1


def _through_context(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Context → the tree inside it → value: ``context variable V``."""
    context = chain[at]
    if type(context) is not contextvars.Context or type_name(chain[at + 1]) not in _TREE:
        return None
    to = at + 1
    while to < len(chain) and type_name(chain[to]) in _TREE:
        to += 1
    if to == len(chain):
        return Edge("context variables", "context variables"), to - 1 - at
    for variable, value in _context_items(context):
        if value is chain[to] or variable is chain[to]:
            text = f"context variable {plain(_raw_variable_name(variable))}"
            return Edge(text, text), to - at
    return None


def context_value(context: Live, inside: Live, owned: Collection[int]) -> Live | None:
    """The value in a context that is one of the owned; None unless ``inside`` is its tree."""
    if type(context) is not contextvars.Context or type_name(inside) not in _TREE:
        return None
    return next((value for _, value in _context_items(context) if id(value) in owned), None)


def _through_frame(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Generator, coroutine or frame (→ cell) → value: ``local x in f``."""
    holder, target = chain[at], chain[at + 1]
    frame = _frame_of(holder)
    if frame is None:
        return None
    if target is frame:
        return (_local(frame, chain[at + 2]), 2) if at + 2 < len(chain) else None
    if holder is frame and target is _raw_back(frame):
        return Edge(".f_back", ".f_back"), 1
    links = 1
    if type(target) is types.CellType and at + 2 < len(chain):
        links = 2
    return _local(frame, target), links


def _through_thread_local(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Thread-local object → all threads' data → one thread's data → value: ``.name``."""
    if at + 3 >= len(chain) or not issubclass(type(chain[at]), ThreadLocal):
        return None
    if type(chain[at + 1]) is not dict or type(chain[at + 2]) is not dict:
        return None
    name = key_of(chain[at + 2], chain[at + 3])
    return None if name is None or type(name[0]) is not str else (dotted(name), 3)


def _through_proxy(chain: list[Live], at: int) -> tuple[Edge, int] | None:
    """Read-only view → dict → value: ``[key]``."""
    if type(chain[at]) is not types.MappingProxyType or at + 2 >= len(chain):
        return None
    if not issubclass(type(chain[at + 1]), dict):
        return None
    edge = dict_edge(chain[at + 1], chain[at + 2])
    return (edge, 2) if edge is not None else None


_MERGERS: list[Callable[[list[Live], int], tuple[Edge, int] | None]] = [
    _through_thread_local,
    _through_namespace,
    _through_proxy,
    _through_closure,
    _through_cache,
    _through_context,
    _through_frame,
]


def _frame_of(holder: Live) -> types.FrameType | None:
    cls = type(holder)
    if cls is types.FrameType:
        found: types.FrameType | None = holder
        return found
    for kind, read in _FRAMES:
        if cls is kind:
            inner: types.FrameType | None = read(holder)
            return inner
    return None


_FRAMES = (
    (types.GeneratorType, types.GeneratorType.__dict__["gi_frame"].__get__),
    (types.CoroutineType, types.CoroutineType.__dict__["cr_frame"].__get__),
    (types.AsyncGeneratorType, types.AsyncGeneratorType.__dict__["ag_frame"].__get__),
)


def _local(frame: types.FrameType, target: Live) -> Edge:
    function = frames.function_name(frame)
    name = frames.local_name(frame, target)
    text = f"local {name} in {function}" if name else f"local variable in {function}"
    return Edge(text, text)
