"""Whose survivors are they: the test's, pytest's, a wider fixture's, or the harness's own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import msgspec
import pytest

from pytest_leakcheck.sweep import ownership as retention
from pytest_leakcheck.sweep.boundary import Boundary, count_types
from pytest_leakcheck.sweep.ownership import (
    Division,
    Left,
    Shapes,
    count_pytests,
    divide,
    running_state,
    settle_log_buffers,
)


class Mine:
    """What the code under test leaves."""


class Item(Mine):
    """What hangs on another."""


@pytest.fixture(name="line")
def _line() -> Iterator[Boundary]:
    """A boundary that has begun."""
    boundary = Boundary()
    boundary.start()
    yield boundary
    boundary.stop()


KEPT: list[object] = []


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    """Nothing is kept from test to test."""
    yield
    KEPT.clear()


def charged(
    line: Boundary, item: pytest.Item, fixture_ids: set[int] | None = None
) -> tuple[set[type], int]:
    """The test's own types among this module's, and how many objects wider fixtures get."""
    line.collect()
    left = divide(line.survivors(), item, fixture_ids or set(), [line.mark, *running_state(1)])
    return {type(o) for o in left.mine if isinstance(o, Mine)}, left.fixtures


def test_what_a_test_leaves_is_its_own(line: Boundary, request: pytest.FixtureRequest) -> None:
    """A young object in an older container."""
    KEPT.append(Mine())
    assert charged(line, request.node) == ({Mine}, 0)


def test_a_report_is_pytests_with_what_hangs_on_it(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """Reports stay to the end of the session; what they refer to is theirs too."""
    report = pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "call")
    vars(report)["extra"] = Mine()
    KEPT.append(report)
    assert charged(line, request.node) == (set(), 0)


def test_what_hangs_on_the_item_is_pytests(line: Boundary, request: pytest.FixtureRequest) -> None:
    """Its state and its stash live as long as the session's list of items."""
    key = pytest.StashKey[object]()
    request.node.stash[key] = Mine()
    request.node.user_properties.append(("name", Item()))
    mine, _ = charged(line, request.node)
    del request.node.stash[key]
    request.node.user_properties.clear()
    assert mine == set()


class TestInstance:
    """pytest keeps the instance of each test of a class."""

    part: object = None

    def test_its_attributes_are_pytests(
        self, line: Boundary, request: pytest.FixtureRequest
    ) -> None:
        """An attribute set after the line on the instance made at collection."""
        self.part = Item()
        assert charged(line, request.node) == (set(), 0)


def test_what_a_wider_fixture_made_is_its_own(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """Known by identity from the fixture's set-up."""
    KEPT.append(Mine())
    assert charged(line, request.node, {id(KEPT[0])}) == (set(), 1)


def test_what_only_the_harness_reaches_is_nobodys(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """A running call's own locals are charged to no account."""
    local = Mine()
    assert charged(line, request.node) == (set(), 0)
    assert local is not None


def test_log_records_are_kept_by_pytests_handlers(
    line: Boundary, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """caplog holds a record with its arguments until the next phase: pytest's account."""
    logging.getLogger("app").warning("left %s", Mine())
    settle_log_buffers(request.node)
    assert charged(line, request.node) == (set(), 0)
    assert len(caplog.records) == 1


def test_settling_log_buffers_keeps_their_text(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Reading does not empty, and writing goes on behind it."""
    logging.getLogger("app").warning("first")
    settle_log_buffers(request.node)
    logging.getLogger("app").warning("second")
    assert caplog.text.count("\n") == 2
    assert caplog.text.index("first") < caplog.text.index("second")


class Hostile:
    """An object that must not be asked."""

    def _refuse(self, *_: object) -> object:
        raise AssertionError("the user's code was run")

    __eq__ = __getattr__ = __len__ = __bool__ = __repr__ = _refuse  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"the user's code was run for {name}")


def test_hostile_objects_are_divided_without_being_asked(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """Neither comparison, hash, truth nor attributes of a survivor are used."""
    KEPT.append([Hostile(), {"key": Hostile()}])
    line.collect()
    left = divide(line.survivors(), request.node)
    assert sum(type(o) is Hostile for o in left.mine) == 2


def test_a_two_item_dict_of_the_users_is_not_asked(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """A dict of the size of a hook call's keywords, with a value that refuses to be compared."""
    KEPT.append({"item": Hostile(), "nextitem": Hostile()})
    line.collect()
    left = divide(line.survivors(), request.node)
    assert sum(type(o) is Hostile for o in left.mine) == 2


class Colliding:
    """A key with the hash of another, and an equality that must not be used."""

    def __init__(self, twin: str) -> None:
        self.twin = hash(twin)
        self.armed = True

    def __hash__(self) -> int:
        return self.twin

    def __eq__(self, other: object) -> bool:
        if self.armed:
            raise AssertionError("the user's code was run for ==")
        return self is other


def test_a_users_key_is_not_compared(line: Boundary, request: pytest.FixtureRequest) -> None:
    """A dict of two whose keys collide with the words of a hook call."""
    keys = [Colliding("item"), Colliding("nextitem")]
    KEPT.append({key: Mine() for key in keys})
    line.collect()
    try:
        left = divide(line.survivors(), request.node)
    finally:
        for key in keys:
            key.armed = False
    assert sum(type(o) is Mine for o in left.mine) == 2


def test_the_quick_look_sends_what_is_not_pytests_to_the_closer_one(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """One object of the test's own is enough, and what pytest keeps alone is counted."""
    report = pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "call")
    inside = Item()
    report.sections.append(("out", inside))  # type: ignore[arg-type]
    hung = [vars(report), report.sections, report.sections[0], inside]
    assert count_pytests([report, *hung, line.mark], request.node, line.mark) == 5
    mine = Mine()
    assert count_pytests([report, *hung, mine, line.mark], request.node, line.mark) is None


def left_behind(report: pytest.TestReport, line: Boundary) -> list[object]:
    """A report with what hangs on it, as the boundary shows it."""
    return [report, vars(report), report.sections, line.mark]


class Closer:
    """The closer look at survivors that are not all pytest's, and how many it was shown."""

    def __init__(self) -> None:
        self.looked: list[int] = []

    def __call__(self, survivors: list[object], item: pytest.Item) -> Left:
        self.looked.append(len(survivors))
        return divide(survivors, item)


def test_what_tests_leave_is_looked_into_once_for_all_that_is_alike(
    line: Boundary, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next test that leaves the same types is counted alike; one more object is looked into."""
    shapes, closer = Shapes(), Closer()
    reports = [pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "call") for _ in "abcd"]
    first, second, third, fourth = (left_behind(report, line) for report in reports)
    assert shapes.divide(first, request.node, line.mark, closer) == Division(3)
    monkeypatch.setattr(retention, "count_pytests", lambda *_: None)
    assert shapes.divide(second, request.node, line.mark, closer) == Division(3)
    assert closer.looked == []
    found = shapes.divide([*third, Mine()], request.node, line.mark, closer)
    assert closer.looked == [5]
    # The mark is nobody's for the quick look alone.
    assert found.mine == 2
    assert msgspec.json.decode(found.types) == count_types([Mine(), line.mark])
    assert shapes.divide([*fourth, Mine()], request.node, line.mark, closer) == found
    assert closer.looked == [5]


class TestShapesOfInstances:
    """What a test puts on its instance may be of any type."""

    def test_the_rest_is_told_apart(self, line: Boundary, request: pytest.FixtureRequest) -> None:
        """An object on the instance is pytest's; one of its type that is kept elsewhere is not."""
        shapes, closer = Shapes(), Closer()
        report = pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "call")
        # Newer versions have no dict until somebody asks for it.
        own = [vars(self)] if sys.version_info < (3, 11) else []
        left = [*left_behind(report, line), *own]
        for _ in "ab":
            assert shapes.divide(left, request.node, line.mark, closer) == Division(3 + len(own))
        self.things = [Mine()]
        kept = [*left, self.things[0], self.things]
        assert shapes.divide(kept, request.node, line.mark, closer) == Division(5 + len(own))
        assert closer.looked == []
        elsewhere = shapes.divide([*kept, Mine()], request.node, line.mark, closer)
        assert closer.looked == [len(kept) + 1]
        assert b"Mine" in elsewhere.types
        assert elsewhere.pytest == 5 + len(own)


def test_the_quick_look_asks_hostile_objects_nothing(
    line: Boundary, request: pytest.FixtureRequest
) -> None:
    """Types are told apart by identity."""
    survivors = [Hostile(), line.mark]
    assert count_pytests(survivors, request.node, line.mark) is None
