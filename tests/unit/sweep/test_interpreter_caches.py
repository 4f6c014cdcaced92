"""What the interpreter itself keeps of the code that ran."""

from __future__ import annotations

import gc
import warnings

import pytest

from pytest_leakcheck.sweep.interpreter_caches import settle_warning_filters


def _warns_under_filters_of_its_own() -> int:
    """The id of the list of filters."""
    with warnings.catch_warnings():
        for number in range(15):
            warnings.filterwarnings("ignore", message=f"m{number}")
        warnings.warn("m1", stacklevel=1)
        return id(warnings.filters)


def _is_tracked(key: int) -> bool:
    return key in set(map(id, gc.get_objects()))


def test_the_filters_of_the_last_warning_are_let_go() -> None:
    """The interpreter keeps them; each test that warns would seem to leave its own."""
    settle_warning_filters()
    filters = warnings.filters
    kept = _warns_under_filters_of_its_own()
    if not _is_tracked(kept):
        pytest.skip("this Python keeps no filters")
    settle_warning_filters()
    assert not _is_tracked(kept)
    assert warnings.filters is filters


def test_nobody_sees_a_warning_and_filters_that_raise_do_not() -> None:
    """Whatever the filters of the suite are."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        settle_warning_filters()
        warnings.simplefilter("always")
        settle_warning_filters()
    assert seen == []
    with pytest.warns(UserWarning, match="still"):
        warnings.warn("still judged", stacklevel=1)
