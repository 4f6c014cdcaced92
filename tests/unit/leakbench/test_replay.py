"""Stored journals are judged as they were when they were stored."""

from __future__ import annotations

import pytest
from leakbench.replay import PACK, changed, judge, truth_of, truths


@pytest.mark.skipif(not PACK.exists(), reason="the sdist has no stored journals")
def test_the_rule_says_of_stored_journals_what_it_said() -> None:
    """A change of the rule shows here: make the pack anew, and say in the commit which verdicts
    changed and what is true of each."""
    assert changed(PACK) == []


@pytest.mark.skipif(not PACK.exists(), reason="the sdist has no stored journals")
def test_no_innocent_is_accused_in_stored_journals() -> None:
    known = truths()
    accused = [
        place
        for place, found in judge(PACK).items()
        if found.verdict == "leak" and truth_of(*place, known) == "innocent"
    ]
    assert accused == []
