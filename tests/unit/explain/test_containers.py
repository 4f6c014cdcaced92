"""Containers that grow: leaks of plain values, which leave no survivors."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any, ClassVar

import pytest

from pytest_leakcheck.explain.causes import ContainerWatch, watch_containers
from pytest_leakcheck.model.causes import Cause

HERE = __name__


class Keeper:
    names: ClassVar[dict[str, str]] = {}


class Bag:
    """Grows by attributes of its own."""


LIST: list[bytes] = []
PLAIN: dict[str, str] = {"first": "x"}
SET: set[str] = set()
DEQUE: deque[str] = deque()
BAG = Bag()
ONCE: list[int] = []


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    yield
    for container in (LIST, PLAIN, SET, DEQUE, Keeper.names, ONCE):
        container.clear()


def watched(run: Callable[[int], Any], rounds: int = 3, **options: Any) -> list[Cause]:
    for number in range(3):
        run(number)
    gc.collect()
    watch = watch_containers()
    watch.first()
    for number in range(3, 3 + rounds):
        run(number)
        watch.again()
    return watch.grown(**options)


def value(number: int) -> str:
    return f"{number}-" + "x" * 1_000


@pytest.mark.parametrize(
    ("run", "holder", "head"),
    [
        (lambda n: LIST.append(bytes(1_000 + n)), "LIST[*]", "bytes"),
        (lambda n: PLAIN.update({str(n): value(n)}), "PLAIN[*]", "str"),
        (lambda n: SET.add(value(n)), "SET[*]", "str"),
        (lambda n: DEQUE.append(value(n)), "DEQUE[*]", "str"),
        (lambda n: Keeper.names.update({str(n): value(n)}), "Keeper.names[*]", "str"),
        (lambda n: setattr(BAG, f"attribute_{n}", value(n)), "BAG.*", "str"),
    ],
    ids=["list", "untracked dict", "set", "deque", "class", "instance"],
)
def test_a_container_of_plain_values_that_grows(
    run: Callable[[int], Any], holder: str, head: str
) -> None:
    if holder == "BAG.*":
        vars(BAG).update({f"earlier_{n}": n for n in range(40)})
    causes = [c for c in watched(run) if c.holder.startswith(HERE)]
    assert [(c.kind, c.holder, c.head) for c in causes] == [("container", f"{HERE}.{holder}", head)]
    assert causes[0].per_run == 1
    assert 1_000 < causes[0].python_bytes < 1_500
    assert causes[0].steps[-1].generic == "[*]"


def test_the_context_of_a_thread_gains_variables_with_plain_values() -> None:
    """The collector sees nothing of them but the tree that each change makes anew."""

    def run(number: int) -> None:
        ContextVar[str](f"variable_{number}").set(value(number))

    causes = copy_context().run(watched, run)
    found = [c for c in causes if c.head == "str" and c.holder.startswith("contextvars")]
    assert [(c.holder, c.label, c.per_run, c.known) for c in found] == [
        (
            "contextvars.Context → context variable *",
            "keys: _contextvars.ContextVar",
            1,
            "context-variable",
        )
    ]
    assert 1_000 < found[0].python_bytes < 1_500


def test_the_items_of_a_run_are_the_median_of_the_rounds() -> None:
    causes = watched(lambda n: LIST.extend([b"x"] * (7 if n else 3)))
    assert [c.per_run for c in causes if c.holder.endswith(".LIST[*]")] == [7]


def test_a_container_that_stops_growing_is_left_out() -> None:
    causes = watched(lambda n: ONCE.append(n) if n < 5 else None)
    assert not [c for c in causes if c.holder.endswith(".ONCE[*]")]


def test_fewer_rounds_than_asked_for_prove_nothing() -> None:
    assert watched(lambda n: LIST.append(b"x"), rounds=1) == []
    assert watched(lambda n: LIST.append(b"x"), rounds=2, min_rounds=3) == []


def test_containers_of_the_harness_are_left_out() -> None:
    import _pytest.config

    module: Any = _pytest.config
    module.grows_in_a_test = []
    try:
        causes = watched(module.grows_in_a_test.append)
    finally:
        del module.grows_in_a_test
    assert not [c for c in causes if "grows_in_a_test" in c.holder]


def test_the_watch_holds_no_container() -> None:
    watch = ContainerWatch()
    watch.first()
    watch.again()
    assert not [o for o in gc.get_referents(*vars(watch).values()) if o is LIST or o is PLAIN]
    gc.collect()
    gc.disable()
    try:
        LIST.append(b"x")
        watch.again()
        LIST.append(b"x")
        watch.again()
        watch.grown()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [o for o in gc.garbage if type(o).__module__.startswith("pytest_leakcheck")]
        assert len(gc.garbage) < 100
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_the_fingerprint_is_that_of_a_held_item() -> None:
    """A leak seen both ways is one cause."""
    from pytest_leakcheck.explain.paths import fingerprint

    causes = watched(lambda n: LIST.append(bytes(1_000 + n)))
    expected = fingerprint(HERE, [".LIST", "[*]"], "bytes")
    assert expected in {c.fingerprint for c in causes}
