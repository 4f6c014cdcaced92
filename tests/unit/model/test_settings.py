"""Sizes, units and depths as people write them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.settings import DEPTHS, Settings
from pytest_leakcheck.options import parse_depth, parse_size

QUICK = settings(max_examples=60, deadline=None)
UNITS = {
    "": 1,
    "B": 1,
    "K": 2**10,
    "KB": 2**10,
    "KiB": 2**10,
    "MB": 2**20,
    "GiB": 2**30,
    "T": 2**40,
}


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("200MB", 200 * 2**20),
        ("64 KiB", 64 * 2**10),
        ("1.5 GB", 3 * 2**29),
        ("  7 b ", 7),
        ("12", 12),
        ("0MB", 0),
        (4096, 4096),
        (10.9, 10),
    ],
)
def test_sizes_as_people_write_them(text: str | float, bytes_: int) -> None:
    """Numbers and units, with or without a space, in either case, binary."""
    assert parse_size(text, "--limit") == bytes_


@QUICK
@given(number=st.integers(0, 10**6), unit=st.sampled_from(sorted(UNITS)), space=st.booleans())
def test_a_size_is_its_number_times_its_unit(number: int, unit: str, space: bool) -> None:
    """Whatever the number, the unit multiplies it."""
    text = f"{number}{' ' if space else ''}{unit}"
    assert parse_size(text, "--limit") == number * UNITS[unit]
    assert parse_size(text.lower(), "--limit") == number * UNITS[unit]


@pytest.mark.parametrize("unit", ["XB", "bytes", "MiBs", "mx"])
def test_an_unknown_unit_is_one_sentence(unit: str) -> None:
    """It names the option, the unit, and the units there are."""
    with pytest.raises(UsageError) as caught:
        parse_size(f"200{unit}", "--limit-memory")
    assert str(caught.value) == (
        f'--limit-memory: "{unit}" is not a unit of memory; use B, KB, MB or GB, as in 200MB.'
    )


@pytest.mark.parametrize("text", ["", "MB", "much", "-5MB", "1.2.3MB", "1,5 GB", "5 M B", "nan"])
def test_what_is_no_size_is_one_sentence(text: str) -> None:
    """It names the option, what was written, and how to write it."""
    with pytest.raises(UsageError) as caught:
        parse_size(text, "--limit-leaks")
    assert str(caught.value) == (
        f'--limit-leaks: "{text}" is not a size; write a number and a unit, as in 200MB.'
    )


@pytest.mark.parametrize("given_", [-1, float("nan"), float("inf"), ["1 MB"], "9" * 400])
def test_no_odd_value_escapes_as_another_error(given_: Any) -> None:
    """Markers take any object: whatever is no size is a usage error."""
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(given_, "limit_growth of test_x")


@QUICK
@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    """No other exception, and never a negative size."""
    with suppress(UsageError):
        assert parse_size(text, "--limit") >= 0


@pytest.mark.parametrize("depth", DEPTHS)
def test_depths_have_names(depth: str) -> None:
    """Each depth is read back from its name, and settings take it."""
    assert Settings(depth=parse_depth(depth)).depth == depth


@pytest.mark.parametrize("text", ["nonsense", "", "FULL", "sweep "])
def test_an_unknown_depth_lists_the_depths(text: str) -> None:
    """One sentence with what was written and every depth."""
    with pytest.raises(UsageError) as caught:
        parse_depth(text)
    assert str(caught.value) == (
        f'--leakcheck-depth: "{text}" is not a depth; choose one of sweep, default, full.'
    )


def test_usage_errors_end_a_command_with_status_2() -> None:
    """The exit status of the command line's own errors."""
    assert UsageError("x").exit_code == 2
