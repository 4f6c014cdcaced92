"""LeakBench's cases: all of them can be read, and bad ones are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from leakbench.cases import QUICK, BadCaseError, amount_of, load_case, load_cases

CASES = load_cases()


def test_every_case_has_its_test_and_its_truth() -> None:
    """A case without a test file, or a leak without a name for its holder, scores nothing."""
    assert len(CASES) > 150
    for case in CASES:
        assert (case.folder / "test_case.py").is_file(), case.name
        assert case.what.endswith("."), case.name
        if case.leaks is not None:
            assert case.leaks.holder, case.name
        if case.family == "historic":
            assert case.source.startswith("https://"), case.name
            assert case.innocent is not None, case.name


def test_the_quick_run_has_cases_that_there_are() -> None:
    assert set(QUICK) <= {case.name for case in CASES}


def test_names_are_unique_within_a_family() -> None:
    names = [(case.family, case.name) for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('what = "x."\nkind = "python"', "neither"),
        ('what = "x."\nkind = "python"\nsurplus = 1\n[leaks]', "surplus"),
        ('what = "x."\nkind = "python"\n[leaks]\nper_run = { fds = "size * 2" }', "no formula"),
        ("what = ", "case.toml"),
    ],
)
def test_a_bad_case_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "case.toml").write_text(text)
    with pytest.raises(BadCaseError, match=told):
        load_case(tmp_path)


def test_a_truth_may_depend_on_the_size() -> None:
    assert amount_of("size + 9", 64) == 73
    assert amount_of("size", 64) == 64
    assert amount_of(3, None) == 3
    with pytest.raises(BadCaseError, match="sizes"):
        amount_of("size - 1", None)
