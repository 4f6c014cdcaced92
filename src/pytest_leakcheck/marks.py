"""Limits on single tests: pytest-memray's for a whole suite, and our own ``limit_growth``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from pytest_leakcheck.confirm.repeater import Repeater
from pytest_leakcheck.confirm.rerun import outcome_of, restore_doctest
from pytest_leakcheck.judge.evidence import Evidence
from pytest_leakcheck.judge.verdict import judge
from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.words import size
from pytest_leakcheck.options import parse_size
from pytest_leakcheck.sweep.boundary import Boundary
from pytest_leakcheck.sweep.ownership import MEMRAY_MARKS, has_pytest_memray
from pytest_leakcheck.sweep.signals import Probes
from pytest_leakcheck.text.trace import cause_sentence, known_sentence, path_lines

if TYPE_CHECKING:
    from pytest_leakcheck.sweep.hooks import Sweep

MARK = "limit_growth"


def give_limits(
    config: pytest.Config, items: list[pytest.Item], *, memory: object, leaks: object
) -> None:
    """Mark every test that has no memray marker of its own.

    Raises:
        UsageError: a size that is none, both limits at once, or no pytest-memray.
    """
    if not memory and not leaks:
        return
    if memory and leaks:
        raise UsageError(
            "--limit-memory and --limit-leaks: pytest-memray takes one limit per test; "
            "give one of them, or set the other by marker."
        )
    option, name = (
        ("--limit-memory", "limit_memory") if memory else ("--limit-leaks", "limit_leaks")
    )
    size = parse_size(str(memory or leaks), option)
    if not has_pytest_memray(config):
        raise UsageError(
            f"{option} needs pytest-memray, which is not active here: "
            "run pip install 'pytest-leakcheck[memray]' (there is none for Windows)."
        )
    mark = getattr(pytest.mark, name)(f"{size} B")
    for item in items:
        if not any(item.get_closest_marker(own) for own in MEMRAY_MARKS):
            item.add_marker(mark)


def arm(config: pytest.Config, items: list[pytest.Item], settings: Settings) -> None:
    """Check the ``limit_growth`` markers and register what enforces them.

    Raises:
        UsageError: a marker without a size, or with one that is none.
    """
    for item in items:
        mark = item.get_closest_marker(MARK)
        if mark is not None:
            _limit_of(item, mark)
    if not config.pluginmanager.hasplugin(f"leakcheck-{MARK}"):
        config.pluginmanager.register(GrowthLimits(settings), f"leakcheck-{MARK}")


def _limit_of(item: pytest.Item, mark: pytest.Mark) -> int:
    given = mark.args[0] if mark.args else mark.kwargs.get("limit")
    if given is None:
        raise UsageError(f'{MARK} of {item.nodeid} has no size; write limit_growth("1 MB").')
    return parse_size(given, f"{MARK} of {item.nodeid}")


class GrowthLimits:
    """Fails tests that leave more than their ``limit_growth`` in memory, run after run.

    The first run decides nothing: it may import or fill a cache. A test that is over its limit at
    first sight is repeated at once, and its own report carries the result.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._probes: Probes | None = None
        self._repeater: Repeater | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Tell the repeater of wider fixtures, while it repeats."""
        if self._repeater is not None:
            self._repeater.saw_fixture(fixturedef)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a marked test, repeat it if it is over its limit, then report it."""
        mark = item.get_closest_marker(MARK)
        if mark is None:
            return None
        restore_doctest(item)
        limit = _limit_of(item, mark)
        probes = self._probes = self._probes or Probes(paced=False)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        before = probes.heap(), probes.rss()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        grown = _grown(before, (probes.heap(), probes.rss()))
        if grown > limit and outcome_of(reports) == "passed":
            text = self._checked(item, nextitem, limit)
            if text:
                _fail(reports, text)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _checked(self, item: pytest.Item, nextitem: pytest.Item | None, limit: int) -> str | None:
        """The failure's text; an error of the harness becomes a warning."""
        try:
            return self._over(item, nextitem, limit)
        except Exception as error:  # noqa: BLE001 - the suite's own result stands
            told = f"{type(error).__name__}: {error}"
            with suppress(pytest.PytestWarning):  # where the suite turns warnings into errors
                item.warn(
                    pytest.PytestWarning(
                        f"leakcheck: the limit of {item.nodeid} could not be checked: {told}"
                    )
                )
            return None
        finally:
            self._repeater = None

    def _over(self, item: pytest.Item, nextitem: pytest.Item | None, limit: int) -> str | None:
        """Repeat; the failure's text where each run leaves more than the limit."""
        assert self._probes is not None
        boundary = _boundary_of(item.config)
        repeater = self._repeater = Repeater(
            self._settings, self._probes, boundary.line, _drop, None, str(item.config.rootpath)
        )
        with boundary:
            try:
                evidence = repeater.confirm(item, item.nodeid, wide=True)
            finally:
                item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001
        return failure_text(evidence, self._settings, limit)


def failure_text(evidence: Evidence, settings: Settings, limit: int) -> str | None:
    """What a test over its limit reads; ``None`` where the repeats clear it."""
    judgement = judge(evidence, settings)
    if judgement.verdict != "leak":
        return None
    per_run = max(
        judgement.slopes[name].per_run
        for name in ("heap_bytes", "python_bytes")
        if name in judgement.slopes
    )
    if per_run <= limit:
        return None
    lines = [
        f"Each run leaves {size(per_run)} in memory; the limit is {size(limit)}.",
        f"It {judgement.reason}.",
    ]
    for cause in evidence.causes:
        lines += ["", f"{cause_sentence(cause)}:", *path_lines(cause.steps)]
        lines.append(known_sentence(cause))
    return "\n".join(lines)


class _Line:
    """The process's freeze boundary: the sweep's where it measures, else one of our own."""

    def __init__(self, sweep: Sweep | None) -> None:
        self._sweep = sweep
        self.line = Boundary() if sweep is None else sweep.boundary

    def __enter__(self) -> None:
        if self._sweep is None:
            self.line.start()

    def __exit__(self, *_: object) -> None:
        if self._sweep is None:
            self.line.stop()


def _boundary_of(config: pytest.Config) -> _Line:
    return _Line(config.pluginmanager.get_plugin("leakcheck-sweep"))


def _grown(before: tuple[int | None, int | None], after: tuple[int | None, int | None]) -> int:
    changes = [b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    return max(changes, default=0)


def _fail(reports: list[pytest.TestReport], text: str) -> None:
    for report in reports:
        if report.when == "call":
            report.outcome = "failed"
            report.longrepr = text
            report.sections.append(("leakcheck", text))


def _drop(_: object) -> None:
    """The suite's own process keeps no journal of repeats."""
