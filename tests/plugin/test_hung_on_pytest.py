"""What a suite hangs on pytest's own objects is the suite's; what pytest keeps is pytest's."""

from __future__ import annotations

from pathlib import Path

import pytest
import suites
from suites import Result

FILES = {
    "conftest.py": """
        import pytest

        class Thing:
            pass

        class Gathers:
            def __init__(self):
                self.names = {}
                self.held = []

        KEY = pytest.StashKey()

        def pytest_configure(config):
            config.pluginmanager.register(Gathers(), "gathers")
            config.seen_names = []
            config.by_test = {}

        def pytest_sessionstart(session):
            session.stash[KEY] = set()
    """,
    "test_a.py": """
        import itertools

        from conftest import KEY, Thing

        NUMBERS = itertools.count()

        def test_names_on_config(request):
            request.config.seen_names.append(f"a name of this run {next(NUMBERS)}")

        def test_objects_on_config(request):
            request.config.by_test.setdefault("all", []).append(Thing())

        def test_in_the_stash_of_the_session(request):
            request.session.stash[KEY].add(Thing())

        def test_in_a_plugin(request):
            plugin = request.config.pluginmanager.get_plugin("gathers")
            plugin.held.append(Thing())

        def test_on_the_node_of_the_module(request):
            node = request.node.parent
            node.kept = getattr(node, "kept", [])
            node.kept.append(Thing())

        def test_properties(record_property):
            record_property("made", [next(NUMBERS)])

        def test_nothing():
            pass
    """,
}

HOLDERS = {
    "test_names_on_config": "config.seen_names[*]",
    "test_objects_on_config": "config.by_test[*][*]",
    "test_in_the_stash_of_the_session": "session.stash._storage[*][*]",
    "test_in_a_plugin": "plugin conftest.Gathers.held[*]",
    "test_on_the_node_of_the_module": "module node.kept[*]",
}


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("suite")
    suites.write(folder, FILES)
    return suites.leakcheck_in(folder, env=suites.without_memray(folder))


@pytest.mark.parametrize("name", HOLDERS)
def test_what_the_suite_hangs_there_is_named_by_where_it_hangs(result: Result, name: str) -> None:
    (test,) = (t for n, t in result.verdicts().items() if n.endswith(f"::{name}"))
    assert test.verdict == "leak", test.reason
    holders = {c.cause.fingerprint: c.cause.holder for c in result.judged.causes}
    assert [holders[print_] for print_ in test.fingerprints] == [HOLDERS[name]]


@pytest.mark.parametrize("name", ["test_properties", "test_nothing"])
def test_what_pytest_keeps_is_no_leak(result: Result, name: str) -> None:
    """A property goes to the report, and pytest drops it with that."""
    (test,) = (t for n, t in result.verdicts().items() if n.endswith(f"::{name}"))
    assert test.verdict in ("clean", "settles"), test.reason


def test_a_plugin_that_notes_every_test_accuses_none(tmp_path: Path) -> None:
    """The blank test is noted as well: what the plugin keeps of each test is no test's."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                import pytest

                class Notes:
                    def __init__(self):
                        self.all = []

                    @pytest.hookimpl
                    def pytest_runtest_teardown(self, item):
                        self.all.append({"name": item.name, "parts": [item.name]})

                def pytest_configure(config):
                    config.pluginmanager.register(Notes(), "notes")
            """,
            "test_a.py": "\n".join(f"def test_{n}():\n    pass\n" for n in range(6)),
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    assert {test.verdict for test in result.verdicts().values()} <= {"clean", "settles"}
