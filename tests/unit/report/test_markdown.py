"""The comparison as Markdown."""

from __future__ import annotations

import re

import msgspec
import pytest
import samples

from pytest_leakcheck.compare.comparison import Comparison, compare_runs
from pytest_leakcheck.report import markdown


@pytest.fixture(scope="module")
def two() -> Comparison:
    """Before and after a fix of the patches, with other settings."""
    run, judged = samples.chroma_run(
        "after", tests=200, leaking=frozenset(samples.CAUSES) - {samples.PATCH.fingerprint}
    )
    info = samples.info("after", git_revision="99aa00b")
    return compare_runs(
        [
            samples.chroma_run("before", tests=200),
            (run, msgspec.structs.replace(judged, info=info)),
        ]
    )


def test_it_says_what_changed_and_nothing_else(two: Comparison) -> None:
    """Sentence, counts, changed tests, differences, a detail per cause."""
    text = markdown.render_markdown(two)
    assert text.startswith("## 1 cause fixed, 3 unchanged between before and after\n")
    assert "| fixed | 5 |" in text
    assert "| git | revision | 4f2c1a9 | **99aa00b** |" in text
    changed = re.findall(r"^\| (\w+) \| `tests/", text, re.MULTILINE)
    assert changed == ["fixed"] * 5
    assert text.count("<details>") == text.count("</details>") == 4
    assert "Known cause chroma-system-registry" in text


@pytest.mark.parametrize("most", [2_000, 5_000, 60_000])
def test_it_is_bounded_and_says_what_was_cut(two: Comparison, most: int) -> None:
    """Whole sections go; none is broken off."""
    text = markdown.render_markdown(two, most)
    assert len(text.encode()) <= most
    assert text.count("<details>") == text.count("</details>")
    assert ("Left out to fit" in text) == (most < 10_000)


def test_many_hostile_tests_stay_in_their_cells() -> None:
    """Pipes, ticks, tags, mentions and newlines neither end a cell nor become markup."""
    run, judged = samples.chroma_run("before", tests=400)
    names = {
        test.nodeid: f"t.py::test[`|\n<script>@team/{number}`{'x' * 5000}]"
        for number, test in enumerate(judged.tests)
    }
    after = samples.chroma_run("after", tests=400, leaking=frozenset())
    compared = compare_runs(
        [(run, samples.renamed(judged, names)), (after[0], samples.renamed(after[1], names))]
    )
    text = markdown.render_markdown(compared)
    assert len(text.encode()) <= markdown.MOST_BYTES
    rows = [line for line in text.splitlines() if line.startswith("| fixed | ") and "t.py" in line]
    assert len(rows) == markdown.MOST_TESTS
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
        assert re.search(r"\| ``.*`` \|", row)
        assert len(row) < 400


def test_escaped_text_has_no_markup() -> None:
    """Every sign of Markdown is shown as itself."""
    assert markdown.escape("a_b*c <i>|@x\n#1") == r"a\_b\*c \<i\>\|\@x \#1"
