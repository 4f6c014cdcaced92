"""What the tested code does to a confirming process costs one test, or nothing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import suites

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals that end a process")

#: Ends the confirming process with a signal as soon as it looks at objects of one test.
DIES_LOOKING = """
    import os
    import signal
    import sys

    def pytest_collection_modifyitems(items):
        if not any(word.startswith("--leakcheck-confirm") for word in sys.argv):
            return
        from pytest_leakcheck.confirm import probes

        looked = probes.explain_survivors

        def look(kept, *args, **options):
            if any(type(o).__name__ == "Poison" for o in kept):
                os.kill(os.getpid(), signal.SIGSEGV)
            return looked(kept, *args, **options)

        if looked.__name__ != "look":
            probes.explain_survivors = look
"""


def test_a_look_that_ends_the_process_costs_that_look_only(tmp_path: Path) -> None:
    """The test is repeated without it, and judged by growth; the others are judged in full."""
    suites.write(
        tmp_path,
        {
            "conftest.py": DIES_LOOKING,
            "test_a.py": """
                KEPT, MORE = [], []

                class Poison:
                    pass

                class Thing:
                    pass

                def test_poison():
                    KEPT.append(Poison())

                def test_other():
                    MORE.append(Thing())
            """,
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert verdicts["test_a.py::test_poison"].verdict == "leak"
    assert verdicts["test_a.py::test_poison"].fingerprints == []
    assert verdicts["test_a.py::test_other"].verdict == "leak"
    assert [cause.cause.holder for cause in result.judged.causes] == ["test_a.MORE[*]"]
    told = [event.sentence for event in result.run.events if event.slug == "not-inspected"]
    assert len(told) == 1
    assert "was killed by SIGSEGV while it looked at its objects" in told[0]
    assert "judged by growth alone" in result.out


def test_a_test_that_kills_each_process_is_not_judged_and_says_why(tmp_path: Path) -> None:
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os
                import signal

                KEPT, RUNS = [], []

                def test_kills():
                    KEPT.append([])
                    RUNS.append(None)
                    if len(RUNS) == 3:
                        os.kill(os.getpid(), signal.SIGKILL)

                def test_other():
                    KEPT.append([])
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert verdicts["test_a.py::test_other"].verdict == "leak"
    killed = verdicts["test_a.py::test_kills"]
    assert killed.verdict == "not judged"
    assert killed.reason == "the process that repeated it was killed by SIGKILL"
    assert "1 test could not be judged: the process that repeated it was killed" in result.out


@pytest.mark.parametrize(
    "keeps",
    [
        "threading.Thread(target=threading.Event().wait, name='keeper').start()",
        "atexit.register(threading.Event().wait)",
    ],
    ids=["thread", "atexit"],
)
def test_nobody_waits_for_a_process_that_is_done(tmp_path: Path, keeps: str) -> None:
    """What keeps an interpreter from ending is told, and the run goes on."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                import os
                import sys

                import pytest

                CONFIRMING = any(w.startswith("--leakcheck-confirm") for w in sys.argv)

                @pytest.hookimpl(trylast=True)
                def pytest_unconfigure(config):
                    if not CONFIRMING:  # the suite would never end either
                        os._exit(0)
            """,
            "test_a.py": f"""
                import atexit
                import threading

                KEPT = []

                def test_leaks():
                    KEPT.append([])
                    {keeps}
            """,
        },
    )
    began = time.monotonic()
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    assert time.monotonic() - began < 60
    assert result.verdicts()["test_a.py::test_leaks"].verdict == "leak"
    (told,) = [event.sentence for event in result.run.events if event.slug == "kept-alive"]
    assert ("(keeper" in told) == ("Thread" in keeps)
