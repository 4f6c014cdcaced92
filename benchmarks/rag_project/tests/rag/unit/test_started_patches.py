"""Patches by `start()`; whether they are stopped is the state's affair.

Whatever stays behind sits on `rag.pipeline.clock` or `rag.infrastructure.http.fetch`; tests
that need these patch them themselves, tests that need the real `fetch` import it by name.
"""

from collections.abc import Callable
from typing import Any

import pytest

from rag.errors import FetchError
from states import PatchingTestCase
from tests.rag.unit.doubles import payload, pipeline_with, run_clock, store_with

pytestmark = pytest.mark.leak("started-patch")

CLOCK = "rag.pipeline.clock"
FETCH = "rag.infrastructure.http.fetch"


@pytest.mark.parametrize("started", [0.0, 10.0, 1e6])
@pytest.mark.parametrize("elapsed", [0.0, 0.125, 60.0])
def test_answers_take_the_clocks_time(
    start_patch: Callable[..., Any], started: float, elapsed: float
) -> None:
    """Only the difference of two readings matters."""
    clock = start_patch(CLOCK)
    run_clock(clock, started, elapsed)

    assert pipeline_with().answer("Where?").elapsed_s == elapsed


@pytest.mark.parametrize("kilobytes", [50, 100])
@pytest.mark.parametrize("suffix", [".txt", ".md"])
def test_fetched_pages_are_indexed(
    start_patch: Callable[..., Any], suffix: str, kilobytes: int
) -> None:
    """A page of usual size goes from the fetcher to the store."""
    url = f"https://e.org/a{suffix}"
    fetch = start_patch(FETCH, return_value=payload(kilobytes).encode())
    report = pipeline_with().ingest([url])

    assert fetch.call_args.args == (url,)
    assert report.chunks[url] > kilobytes // 4


@pytest.mark.parametrize("reason", ["status 404", "status 500", "not reachable"])
def test_failed_fetches_are_reported(start_patch: Callable[..., Any], reason: str) -> None:
    """The reason of the fetcher is the reason in the report."""
    start_patch(FETCH, side_effect=FetchError(reason))
    report = pipeline_with().ingest(["https://e.org/a.md"])

    assert report.failures == {"https://e.org/a.md": reason}


class IngestTest(PatchingTestCase):
    """The same by `unittest`, as older tests of the project are."""

    def setUp(self) -> None:
        """Replace clock and fetcher."""
        self.clock = self.start_patch(CLOCK)
        run_clock(self.clock, started=1.0, elapsed=2.0)
        self.fetch = self.start_patch(FETCH, return_value=b"words")
        self.store = store_with()

    def test_elapsed_time(self) -> None:
        """A report has the time between start and end."""
        self.assertEqual(pipeline_with().ingest(["https://e.org/a.md"]).elapsed_s, 2.0)

    def test_order_of_requests(self) -> None:
        """URLs are fetched in the order given."""
        urls = [f"https://e.org/{name}.md" for name in "cab"]
        pipeline_with(store=self.store).ingest(urls)
        self.assertEqual([c.args[0] for c in self.fetch.call_args_list], urls)

    def test_nothing_to_do(self) -> None:
        """An empty list is no error."""
        report = pipeline_with(store=self.store).ingest([])
        self.assertEqual((report.chunks, report.failures), ({}, {}))
        self.fetch.assert_not_called()

    def test_unknown_formats_are_not_stored(self) -> None:
        """A page without converter reaches no store."""
        pipeline_with(store=self.store).ingest(["https://e.org/a.exe"])
        self.store.add.assert_not_called()
