"""The catalogue of known causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.explain.catalogue import MatchContext, entries, fits, in_range, match

REGISTRY = "chromadb.api.shared_system_client.SharedSystemClient._identifier_to_system[*]"
MISSPELT = "chromadb.api.client.SharedSystemClient._identifer_to_system[*]"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("1.5.9", "Call client.close()"),
        ("1.5.2", "Call client.close()"),
        ("1.5.1", "Call client._system.stop()"),
        ("0.6.3", "Call client._system.stop()"),
        (None, "From chromadb 1.5.2 on"),
    ],
)
def test_chromadbs_remedy_depends_on_the_version(version: str | None, remedy: str) -> None:
    versions = {} if version is None else {"chromadb": version}
    for holder in (REGISTRY, MISSPELT):
        known = match(holder, "chromadb.config.System", "held", versions)
        assert known is not None
        assert known.id == "chroma-system-registry"
        assert known.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("holder", "head", "known"),
    [
        ("app.client._mock_mock_calls[*]", "unittest.mock._Call", "mock-calls-kept"),
        ("app.client.method_calls[*]", "unittest.mock._Call", "mock-calls-kept"),
        ("app.f._mock_call_args_list[*]", "unittest.mock._Call", "mock-calls-kept"),
        (
            "unittest.mock._patch._active_patches[*]",
            "m._patch",
            "mock-patch-not-stopped",
        ),
        ("cache of app.Service.compute[*]", "app.Service", "lru-cache"),
        ("logging.root.handlers[*]", "logging.FileHandler", "logging-handler"),
        ("logging.Logger.manager.loggerDict[*].handlers[*]", "x.Handler", "logging-handler"),
        ("logging.Logger.manager.loggerDict[*]", "logging.Logger", "logging-logger-names"),
        ("app.H.buffer[*]", "logging.LogRecord", "logging-memory-handler"),
        ("threading._active[*]", "threading.Thread", "thread-running"),
        ("app.LOOP._ready[*]", "asyncio.events.Handle", "asyncio-pending"),
        ("matplotlib._pylab_helpers.Gcf.figs[*]", "m.FigureManager", "matplotlib-figure"),
        ("weakref.finalize._registry[*].args[*]", "app.Res", "weakref-finalize"),
        ("linecache.cache[*]", "tuple", "linecache"),
        ("app.__warningregistry__[*]", "int", "warning-registry"),
        ("sys.modules[*]", "module", "modules-imported"),
        ("os.environ._data[*]", "bytes", "environment"),
        ("_pytest.main.Session.items[*]", "app.Test", "pytest-retention"),
        ("contextvars.Context → context variable V", "app.X", "context-variable"),
        ("(method held from C)", "method", "held-from-c"),
        ("app.REGISTRY[*]", "type", "class-per-run"),
        ("app.REGISTRY[*]", "app.Session", None),
        ("app.cache[*]", "app.Session", None),
        ("json.decoder.JSONDecoder", "type", None),
        ("cache of typing.Generic.__class_getitem__[*]", "tuple", "typing-cache"),
        ("posix.environ[*]", "bytes", "environment"),
        ("app.handlers[*]", "app.Handler", None),
    ],
)
def test_known_causes(holder: str, head: str, known: str | None) -> None:
    found = match(holder, head, "held", {})
    assert (found.id if found else None) == known


CALLS = "app.clock._mock_children[*]._mock_mock_calls[*]"


@pytest.mark.parametrize(
    ("holder", "through", "endless"),
    [
        (CALLS, ["module", "unittest.mock.MagicMock", "unittest.mock._Call"], True),
        (CALLS, ["module", "app.Recorder"], False),
        ("app.clock._mock_call_args", ["unittest.mock.MagicMock"], False),
        ("unittest.mock._patch._active_patches[*]", [], True),
        ("unittest.mock._patch._active_patches[*].temp_original", [], True),
        (CALLS + "[*][*].cache[*]", ["unittest.mock.MagicMock"], False),
        ("app.clock._mock_side_effect.__traceback__.tb_next…", [], False),
        ("cache of typing.Generic.__class_getitem__[*]", [], False),
    ],
)
def test_what_grows_on_by_nature(holder: str, through: list[str], endless: bool) -> None:
    """Lists of a mock that nothing empties; not the last call, which the next one replaces."""
    found = match(holder, "app.Thing", "held", {}, MatchContext(through=through))
    assert found is not None
    assert found.endless is endless


def test_every_entry_says_what_and_what_to_do_in_whole_sentences() -> None:
    assert len(entries()) >= 15
    for known in entries():
        for sentence in (known.what, known.remedy):
            assert sentence.endswith(".")
        assert known.holder or known.head != "*" or known.through or known.state != "*"
        assert not known.link or known.link.startswith("https://")


def test_a_range_of_versions_comes_before_the_entry_without_one() -> None:
    for at, known in enumerate(entries()):
        if not known.version:
            assert not [k for k in entries()[at:] if k.id == known.id and k.version]


def test_an_item_is_not_what_grows_inside_it() -> None:
    """A cache's limit says nothing of what its items gather."""
    assert fits("re._cache[*]", "re._cache[*]")
    assert not fits("re._cache[*]", "re._cache[*].groups[*]")
    assert fits("*._cache[*]*", "re._cache[*].groups[*]")
    assert fits("*[*]", "re._cache[*].groups[*]")


@given(st.text(), st.text(), st.text())
def test_only_the_star_is_special(before: str, middle: str, after: str) -> None:
    before, after = before.replace("*", ""), after.replace("*", "")
    pattern = before + "*" + after
    text = before + ("*" if "[*]" in pattern else middle) + after
    assert fits(pattern, text)
    literal = before
    assert fits(literal, literal)
    assert not fits(literal, literal + "x")


@pytest.mark.parametrize(
    ("version", "wanted", "satisfied"),
    [
        ("1.5.2", ">=1.5.2", True),
        ("1.10", ">=1.9", True),
        ("1.5", ">=1.5.0", True),
        ("1.5.2rc1", "<1.5.2", False),
        ("0.4.24", ">=0.4,<0.5", True),
        ("0.5.0", ">=0.4,<0.5", False),
        ("2", "==2.0.0", True),
        ("2", "~=2", False),
        (None, ">=0", False),
    ],
)
def test_ranges_of_versions(version: str | None, wanted: str, satisfied: bool) -> None:
    assert in_range(version, wanted) is satisfied
