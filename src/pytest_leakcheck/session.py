"""The run as a whole: its folder, its workers, the confirmation after it.

In the process that the user started (pytest-xdist's controller, or the only one) a
:class:`Controller` makes the run folder and has the candidates confirmed when the tests are over.
Workers only sweep.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.confirm.command import confirming_arguments
from pytest_leakcheck.model.errors import LeakcheckError, RunError
from pytest_leakcheck.model.journal_lines import EventRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.store.folder import PREVIOUS, RUN_FILE, fresh_label, valid_label, write_info
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.sweep.environment import describe_run
from pytest_leakcheck.sweep.forks import in_forked_child
from pytest_leakcheck.sweep.hooks import Sweep

_WORKER_KEY = "leakcheck"
SWEEP_PLUGIN = "leakcheck-sweep"
CONTROLLER_PLUGIN = "leakcheck-controller"


class WorkerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller tells a worker."""

    folder: str
    settings: Settings


def start(config: pytest.Config, settings: Settings, environment: Mapping[str, str]) -> None:
    """Begin to measure in this process.

    Raises:
        pytest.UsageError: the run folder cannot be made.
    """
    worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker_input is not None:
        if _WORKER_KEY in worker_input:
            order = msgspec.json.decode(worker_input[_WORKER_KEY], type=WorkerOrder)
            sweep = Sweep(
                Path(order.folder), worker_input["workerid"], order.settings, config.rootpath
            )
            config.pluginmanager.register(sweep, SWEEP_PLUGIN)
        return
    try:
        folder = _make_folder(config)
        controller = Controller(config, folder, settings, environment)
    except LeakcheckError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(controller, CONTROLLER_PLUGIN)


def _make_folder(config: pytest.Config) -> Path:
    base = Path(str(config.getoption("leakcheck_dir") or config.getini("leakcheck_dir")))
    root = base if base.is_absolute() else config.rootpath / base
    wanted = config.getoption("leakcheck_label")
    if wanted and not valid_label(str(wanted)):
        raise RunError(
            f'--leakcheck-label: "{wanted}" cannot name a folder; use letters, digits and ._-+@.'
        )
    if wanted and wanted.endswith(PREVIOUS):
        raise RunError(
            f'--leakcheck-label: "{wanted}" is where an earlier run is kept, and the next one '
            f"would take its place; choose a label that does not end in {PREVIOUS}."
        )
    folder = root / fresh_label(root, wanted)
    try:
        if (folder / RUN_FILE).exists():
            _set_aside(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise RunError(
            f"{folder} cannot be made ({error.strerror}); name another folder with --leakcheck-dir."
        ) from None
    return folder


def _set_aside(folder: Path) -> None:
    """Keep the run of the same label that was there before, once."""
    older = folder.with_name(folder.name + PREVIOUS)
    if older.exists():
        shutil.rmtree(older)
    folder.rename(older)


class Controller:
    """Owns the run folder of a session that the user started."""

    def __init__(
        self,
        config: pytest.Config,
        folder: Path,
        settings: Settings,
        environment: Mapping[str, str],
    ) -> None:
        self._config = config
        self.folder = folder
        self._settings = settings
        self._environment = environment
        self._sweep = Sweep(folder, "main", settings, config.rootpath)
        workers = config.getoption("numprocesses", default=0) or 0
        self._dist = str(config.getoption("dist", default="no"))
        self._parallel = self._dist != "no" or bool(config.getoption("tx", default=None))
        self._told: str | None = None
        told = config.getoption("leakcheck_env")
        write_info(
            folder,
            describe_run(
                label=folder.name,
                argv=list(config.invocation_params.args),
                root=config.rootpath,
                settings=settings,
                probes=self._sweep.probes.sources,
                workers=int(workers),
                dist=self._dist if self._parallel else "",
                environment=environment,
                told=told,
                started_in=config.invocation_params.dir,
                confirm_argv=confirming_arguments(config),
            ),
        )
        if not self._parallel:
            config.pluginmanager.register(self._sweep, SWEEP_PLUGIN)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker where to write."""
        order = WorkerOrder(folder=str(self.folder.resolve()), settings=self._settings)
        node.workerinput[_WORKER_KEY] = msgspec.json.encode(order).decode()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The tests are over: have the candidates repeated in a process of their own."""
        if in_forked_child():
            return
        if self._settings.depth == "sweep" or int(exitstatus) in _NOT_CONFIRMED:
            return
        # Judging, repeating and telling are imported when the tests are over: a run pays for them
        # where it uses them, and a worker never.
        from pytest_leakcheck.confirm.supervisor import Confirmation

        try:
            confirmation = Confirmation(
                self._config, self.folder, self._settings, self._environment
            )
            confirmation.run()
        except LeakcheckError as error:
            self._told = str(error)
        except KeyboardInterrupt:
            # The tests have ended: whoever has seen enough wants their result.
            self._told = "The confirmation was interrupted: what was not repeated by then stays so."
        except Exception as error:  # noqa: BLE001 - the suite's own result stands
            self._told = f"The confirmation failed: {type(error).__name__}: {error}."
        if self._told:
            late = Journal(self.folder, "controller")
            late.append(EventRecord(slug="confirmation-failed", sentence=self._told))
            late.close()

    def told(self) -> tuple[str, ...]:
        """Sentences about the measuring itself that the user has to see."""
        return tuple(filter(None, (self._sweep.journal.failure, self._told)))


_NOT_CONFIRMED = frozenset(
    int(code)
    for code in (
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    )
)
