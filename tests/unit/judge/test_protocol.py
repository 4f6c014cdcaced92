"""Which question comes next, and that there comes an end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readings import evidence, repeat, steady, window

from pytest_leakcheck.judge.evidence import NOT_ASKED, Blank, Evidence, Held, Question
from pytest_leakcheck.judge.protocol import deciding_question, next_question, state_of
from pytest_leakcheck.judge.soak import next_window
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth

SETTINGS = Settings()


def cause(**changes: Any) -> Cause:
    """Who holds an object a repeat."""
    plain: dict[str, Any] = {"fingerprint": "0", "kind": "held", "head": "x", "holder": "app.X[*]"}
    return Cause(**{**plain, "objects": 1, "python_bytes": 64, **changes})


def asking(*done: Question, seconds: float = 0.001, **values: Any) -> Evidence:
    """Six repeats of which only these questions were asked."""
    runs = [replace_duration(run, seconds) for run in steady(**values)]
    return evidence(runs, asked=done)


def replace_duration(run: Any, seconds: float) -> Any:
    """A repeat that took so long."""
    return repeat("steady", run.number, duration_s=seconds, **_values(run.growth))


def answered(found: Evidence, question: Question) -> Evidence:
    """Evidence with one more question done."""
    return replace(found, asked=found.asked.union([question]))


def _values(growth: Growth) -> dict[str, Any]:
    names = Growth.__struct_fields__
    return {name: getattr(growth, name) for name in names if name != "python_bytes"}


def test_nothing_is_known_at_first() -> None:
    assert next_question(Evidence(), SETTINGS) == "repeats"


@pytest.mark.parametrize(
    ("values", "seconds", "question"),
    [
        ({"survivors": [0, 0, 0]}, 0.001, None),
        ({"survivors": [0, 0]}, 0.001, "repeats"),
        ({"survivors": [0, 1, 0]}, 0.001, "repeats"),
        ({"survivors": [1, 1, 1], "blocks": [0, 0, 0]}, 0.001, "holders"),  # may be replaced
        ({"survivors": [1, 1, 1], "blocks": [3, 3, 3]}, 0.001, "repeats"),
        ({"fds": [1, 1, 1]}, 0.2, "holders"),  # it may be known to go on
        ({"fds": [1, 1, 1]}, 0.001, "repeats"),
        ({"heap_bytes": [17] * 6}, 0.001, "holders"),
        ({"heap_bytes": [16] * 6}, 0.001, None),
        ({"blocks": [0, 15, -15, 0, 0, 0]}, 0.001, None),
        ({"rss_bytes": [10**9] * 3}, 0.001, None),
    ],
)
def test_how_many_repeats(values: Any, seconds: float, question: Question | None) -> None:
    """Calm tests are let go; what grew on all repeats, or came again, is asked about."""
    found = replace(asking(seconds=seconds, **values), held=NOT_ASKED)
    assert next_question(found, SETTINGS) == question


def test_a_test_that_may_leak_seldom_is_repeated_many_times() -> None:
    """One window, where that takes no time; what shows in it is asked about."""
    calm = replace(asking(survivors=[0] * 6), patient=True)
    assert next_question(replace(calm, patient=False), SETTINGS) is None
    assert next_question(calm, SETTINGS) == "soak"
    assert next_question(replace(calm, soak=(window(60),)), SETTINGS) is None
    seldom = replace(calm, soak=(window(60, survivors=6, blocks=18),))
    assert next_question(seldom, SETTINGS) == "holders"
    assert next_question(asking(survivors=[0] * 6, seconds=0.5), SETTINGS) is None


def test_cheap_questions_come_first() -> None:
    """Each is asked only while something may be a leak."""
    found = asking(survivors=[1] * 6, blocks=[3] * 6)
    order: list[Question] = []
    answers: dict[Question, dict[str, Any]] = {
        "holders": {"held": Held(1, ())},
        "containers": {"containers": ()},
        "release": {"release": (window(6, survivors=6, blocks=18),)},
        "trace": {"traces": ()},
    }
    while (question := next_question(found, SETTINGS)) is not None:
        order.append(question)
        if question == "soak":
            state = state_of(found, SETTINGS)
            number = next_window(found, state.grows, state.open, SETTINGS)
            record = window(number, survivors=number, blocks=3 * number)
            found = replace(found, soak=(*found.soak, record))
        else:
            found = replace(answered(found, question), **answers.get(question, {}))
    told = list(dict.fromkeys(order))
    assert told == ["holders", "soak", "containers", "release", "trace", "watch", "native"]


def test_what_is_replaced_is_asked_no_more() -> None:
    """Nobody holds it any longer: no window, no trace."""
    found = asking("holders", survivors=[5] * 6, blocks=[0] * 6)
    assert next_question(replace(found, held=Held(0)), SETTINGS) is None


def test_what_does_not_go_on_is_asked_no_more() -> None:
    found = asking("holders", survivors=[1] * 6, blocks=[3] * 6)
    calm = replace(found, held=Held(1, (cause(),)), soak=(window(60), window(100)))
    assert next_question(calm, SETTINGS) is None


def test_an_explanation_decides_nothing_once_it_is_enough() -> None:
    """A trace names the place; it may only decide where one more signal is wanted."""
    found = asking("holders", "containers", "soak", "release", fds=[1] * 6)
    assert next_question(found, SETTINGS) == "trace"
    assert deciding_question(found, SETTINGS) is None
    weak = asking("holders", "containers", "soak", "release", blocks=[1] * 6)
    assert deciding_question(weak, SETTINGS) == "trace"


amounts = st.integers(-4, 4)
answers = st.fixed_dictionaries(
    {
        "survivors": amounts,
        "blocks": amounts,
        "heap_bytes": st.integers(-600, 600),
        "fds": st.integers(-1, 1),
        "mapped_bytes": st.sampled_from([0, 0, 1 << 20]),
    }
)


@settings(max_examples=80, deadline=None)
@given(
    told=st.lists(answers, min_size=60, max_size=60),
    kept=st.integers(0, 2),
    held=st.sampled_from([(), (cause(),), (cause(bounded=True),), (cause(limit=3),)]),
    seconds=st.sampled_from([0.001, 0.05, 0.5]),
    early=st.booleans(),
)
def test_questions_come_to_an_end(
    told: list[dict[str, int]], kept: int, held: Any, seconds: float, early: bool
) -> None:
    """Whatever the answers are."""
    found = Evidence(blank=Blank())
    asked = 0
    readings = iter(told)
    while (question := next_question(found, SETTINGS)) is not None:
        asked += 1
        assert asked <= 50
        if question == "repeats":
            values: dict[str, Any] = dict(next(readings))
            run = repeat("steady", len(found.steady), duration_s=seconds, **values)
            found = replace(found, steady=(*found.steady, run))
        elif question == "soak":
            state = state_of(found, SETTINGS)
            number = next_window(found, state.grows, state.open, SETTINGS)
            assert number > 0
            grown: dict[str, Any] = {n: value * number for n, value in next(readings).items()}
            found = replace(found, soak=(*found.soak, window(number, **grown)))
        elif question == "holders":
            again = found.held is not NOT_ASKED or not early
            found = replace(found, held=Held(kept, held if kept else ()))
            if again:
                found = answered(found, question)
        else:
            found = answered(found, question)
