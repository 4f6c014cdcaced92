"""Names of references."""

from __future__ import annotations

import contextvars
import functools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any
from weakref import ref

import pytest

from pytest_leakcheck.explain.edges import C_REFERENCE, key_text, name_edge
from pytest_leakcheck.explain.path_naming import name_chain

TARGET: Any = ["target"]


class Plain:
    def __init__(self, x: Any = None) -> None:
        self.x = x


class Slotted:
    __slots__ = ("_hidden", "x")

    def __init__(self, x: Any) -> None:
        self.x = x


class Holder:
    attribute = TARGET


class MyList(list[Any]):
    extra: Any = None


def closing() -> Any:
    held = TARGET
    return lambda: held


def defaulted(a: Any = TARGET, *, b: Any = TARGET) -> None: ...


def generator() -> Any:
    local = TARGET
    yield
    yield local


GENERATOR = generator()
next(GENERATOR)
EXTENDED = MyList()
EXTENDED.extra = TARGET


@pytest.mark.parametrize(
    ("holder", "edge", "generic"),
    [
        ({"k": TARGET}, "['k']", "[*]"),
        ({3: TARGET}, "[3]", "[*]"),
        ({("a", 1): TARGET}, "[('a', 1)]", "[*]"),
        ({Plain(): TARGET}, f"[<{__name__}.Plain>]", "[*]"),
        (OrderedDict(k=TARGET), "['k']", "[*]"),
        (defaultdict(list, k=TARGET), "['k']", "[*]"),
        ([0, TARGET], "[1]", "[*]"),
        ((0, 0, TARGET), "[2]", "[*]"),
        (MyList([0, TARGET]), "[1]", "[*]"),
        (EXTENDED, ".extra", ".extra"),
        (deque([0, TARGET]), "[1]", "[*]"),
        (Plain(TARGET), ".x", ".x"),
        (Slotted(TARGET), ".x", ".x"),
        (Holder, ".attribute", ".attribute"),
        (closing(), "closure cell held of closing.<locals>.<lambda>", None),
        (types.CellType(TARGET), "closure cell", None),
        (functools.partial(print, TARGET).args, "[0]", "[*]"),
        (GENERATOR, f"local local in {__name__}.generator", None),
        (property(fget=TARGET), ".fget", ".fget"),
        (types.MethodType(print, TARGET), ".__self__", ".__self__"),
        (types.SimpleNamespace(x=TARGET), ".x", ".x"),
        (iter(TARGET), C_REFERENCE.edge, None),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_one_reference(holder: Any, edge: str, generic: str | None) -> None:
    named = name_chain([holder, TARGET])[0][1]
    assert (named.edge, named.generic) == (edge, generic or edge)


def test_a_key_is_told_from_a_value() -> None:
    key = Plain()
    assert name_edge({key: 1}, key).generic == ".keys()[*]"


def test_a_weak_references_callback() -> None:
    o = Plain()

    def callback(_: object) -> None: ...

    assert name_edge(ref(o, callback), callback).edge == "weakref callback"


def test_exceptions_and_tracebacks() -> None:
    with pytest.raises(ValueError) as caught:
        int("x")
    error = caught.value
    context: Any = KeyError("y")
    error.__context__ = context
    traceback: Any = error.__traceback__
    assert name_edge(error, traceback).edge == ".__traceback__"
    assert name_edge(error, context).edge == ".__context__"
    assert name_edge(traceback, traceback.tb_frame).edge == ".tb_frame"


def edges_along(*chain: Any) -> list[str]:
    return [edge.edge for _, edge in name_chain(list(chain))]


def test_an_instance_and_its_dict_are_one_step() -> None:
    o = Plain(TARGET)
    assert edges_along([o], o, vars(o), TARGET) == ["[0]", ".x"]


def linked(length: int) -> list[Any]:
    """Objects, each with the next one in its namespace and that one in a list."""
    chain = [Plain()]
    for _ in range(length):
        chain.append(Plain())
        chain[-2].x = [chain[-1]]
    return chain


def along(objects: list[Any]) -> list[Any]:
    """With the lists in between."""
    return [o for node in objects for o in (node, node.x) if o is not None]


def test_of_a_long_list_the_ends_are_named() -> None:
    objects = linked(5000)
    named = name_chain([objects, *along(objects)])
    assert len(named) < 500
    assert named[-1][0] is objects[-1]
    assert {edge.generic for _, edge in named[1::2]} == {".x"}
    assert {edge.generic for _, edge in named[::2]} == {"[*]"}
    assert name_chain(along(objects[:40])[:-1]) == [
        step
        for at in range(39)
        for step in name_chain([objects[at], objects[at].x, objects[at + 1]])
    ]


@pytest.mark.parametrize("at", [100, 2500, 4900])
def test_what_a_long_list_has_on_its_way_is_named(at: int) -> None:
    objects = linked(5000)
    chain = along(objects)
    chain[2 * at + 2 : 2 * at + 2] = [Slotted(objects[at + 1])]
    objects[at].x[0] = chain[2 * at + 2]
    named = name_chain(chain)
    assert len(named) < 500
    (on_the_way,) = (step for step in named if type(step[0]) is Slotted)
    assert named[named.index(on_the_way) + 1][0] is objects[at + 1]


def test_a_module_and_its_namespace_are_one_step() -> None:
    module = sys.modules[__name__]
    assert edges_along(module, vars(module), TARGET) == [".TARGET"]


def test_a_function_its_closure_and_its_cell_are_one_step() -> None:
    function = closing()
    cells = function.__closure__
    expected = "closure cell held of closing.<locals>.<lambda>"
    assert edges_along(function, cells, cells[0], TARGET) == [expected]
    assert edges_along(function, cells, cells[0], TARGET, TARGET[0]) == [expected, "[0]"]


def test_defaults_are_named() -> None:
    assert edges_along(defaulted, defaulted.__defaults__, TARGET) == [".__defaults__", "[0]"]
    assert edges_along(defaulted, defaulted.__kwdefaults__, TARGET) == [".__kwdefaults__", "['b']"]


def test_a_context_and_its_tree_are_one_step() -> None:
    import gc

    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")
    context = contextvars.Context()
    context.run(variable.set, TARGET)
    (tree,) = [o for o in gc.get_referents(context) if type(o).__name__ == "hamt"]
    (node,) = [o for o in gc.get_referents(tree) if "node" in type(o).__name__]
    assert edges_along(context, tree, node, TARGET) == ["context variable variable"]


def test_reading_locals_keeps_nothing_in_the_frame() -> None:
    class Local:
        pass

    def suspended() -> Any:
        kept = Local()
        yield ref(kept)
        del kept
        yield

    running = suspended()
    weak = next(running)
    assert name_edge_of_local(running, weak()) == "kept"
    next(running)
    assert weak() is None


def name_edge_of_local(running: Any, o: Any) -> str:
    edge = name_chain([running, o])[0][1].edge
    return edge.split()[1]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("x", "'x'"),
        (b"x", "b'x'"),
        ("x" * 100, "'" + "x" * 60 + "'…"),
        (1 << 100, "<int>"),
        (None, "None"),
        (True, "True"),
        ((1, Plain()), "(…)"),
        (Plain, f"<class {__name__}.Plain>"),
    ],
)
def test_keys_as_text(key: object, text: str) -> None:
    assert key_text(key) == text
