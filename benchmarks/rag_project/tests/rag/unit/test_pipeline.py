"""The pipeline passes the right things from stage to stage."""

from unittest.mock import MagicMock, call, patch

import pytest

from rag.errors import CompletionError, FetchError
from rag.models import Answer
from rag.pipeline import NO_ANSWER
from tests.rag.unit.doubles import HIT, llm_saying, payload, pipeline_with, store_with

PAGES = [
    pytest.param("https://e.org/a.md", b"# Kites\n\nThey nest in trees.", id="markdown"),
    pytest.param("https://e.org/a.html", b"<h1>Kites</h1><p>They nest in trees.", id="html"),
    pytest.param("https://e.org/a.csv", b"kites\nThey nest in trees.\n", id="csv"),
    pytest.param("https://e.org/a.json", b'{"kites": "They nest in trees."}', id="json"),
    pytest.param("https://e.org/a.txt", b"They nest in trees.", id="text"),
]


@pytest.mark.parametrize(("url", "page"), PAGES)
def test_ingest_stores_what_was_fetched(url: str, page: bytes) -> None:
    """A page of any format ends in the store as chunks of its source."""
    store = store_with()
    with patch("rag.infrastructure.http.fetch", return_value=page) as fetch:
        report = pipeline_with(store=store).ingest([url])

    fetch.assert_called_once_with(url)
    (chunks, vectors), _ = store.add.call_args
    assert report.chunks == {url: len(chunks)}
    assert len(vectors) == len(chunks)
    assert "nest in trees" in " ".join(chunk.text for chunk in chunks)
    assert {chunk.source for chunk in chunks} == {url}


@pytest.mark.parametrize(("url", "page"), PAGES)
def test_old_chunks_go_before_new_ones_come(url: str, page: bytes) -> None:
    """Indexing a source again replaces it."""
    store = store_with()
    pipeline_with(store=store).index(page, url)

    names = [recorded[0] for recorded in store.method_calls]
    assert names == ["delete", "add"]
    assert store.delete.call_args == call(source=url)


@pytest.mark.parametrize(
    ("url", "page", "reason"),
    [
        ("https://e.org/a.pdf", b"%PDF", "suffix '.pdf'"),
        ("https://e.org/a", b"x", "no suffix"),
        ("https://e.org/a.json", b"{", "Expecting property name"),
        ("https://e.org/a.csv", b"", "header row is needed"),
        ("https://e.org/a.md", b"```\n", "never closed"),
        ("https://e.org/a.txt", FetchError("status 404"), "status 404"),
        ("https://e.org/a.txt", FetchError("not reachable"), "not reachable"),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_failure_does_not_stop_the_others(
    url: str, page: bytes | Exception, reason: str, position: int
) -> None:
    """The report has the reason, the other sources are indexed."""
    pages: dict[str, bytes | Exception] = {f"https://e.org/{n}.md": b"words" for n in range(2)}
    urls = list(pages)
    urls.insert(position, url)
    with patch(
        "rag.infrastructure.http.fetch", side_effect=[{**pages, url: page}[u] for u in urls]
    ):
        report = pipeline_with().ingest(urls)

    assert list(report.chunks) == list(pages)
    assert reason in report.failures[url]


@pytest.mark.parametrize("times", [2, 3])
def test_a_url_is_fetched_once(times: int) -> None:
    """A list with doubles costs no further request."""
    with patch("rag.infrastructure.http.fetch", return_value=b"words") as fetch:
        pipeline_with().ingest(["https://e.org/a.md"] * times)

    assert fetch.call_count == 1


@pytest.mark.parametrize("content", ["", "  \n", "<!-- nothing -->"])
def test_empty_documents_clear_their_source(content: str) -> None:
    """A page that became empty is no longer found."""
    store = store_with()
    assert pipeline_with(store=store).index(content, "a.md") == 0

    store.delete.assert_called_once_with(source="a.md")
    store.add.assert_not_called()


@pytest.mark.parametrize("seconds", [0.0, 0.25, 3.5])
@pytest.mark.parametrize("step", ["ingest", "answer"])
def test_time_is_measured_on_the_clock(step: str, seconds: float) -> None:
    """Elapsed time is the difference of two readings."""
    with (
        patch("rag.pipeline.clock") as clock,
        patch("rag.infrastructure.http.fetch", return_value=b"words"),
    ):
        clock.now.side_effect = [100.0, 100.0 + seconds]
        pipeline = pipeline_with()
        done = pipeline.ingest(["a.md"]) if step == "ingest" else pipeline.answer("Where?")

    assert done.elapsed_s == seconds


@pytest.mark.parametrize("question", ["Where do kites nest?", "  kites  ", "雪?"])
@pytest.mark.parametrize("said", ["In trees.", "I do not know."])
def test_answers_cite_their_sources(question: str, said: str) -> None:
    """The model sees context and question; its words and sources come back."""
    llm = llm_saying(said)
    answer = pipeline_with(llm=llm).answer(question)

    (prompt,) = llm.complete.call_args.args
    assert HIT.chunk.text in prompt
    assert f"Question: {question.strip()}\n" in prompt
    assert (answer.text, answer.sources) == (said, ("kites.md",))


def test_without_hits_the_model_is_not_asked() -> None:
    """Nothing found is an answer by itself."""
    llm = llm_saying("invented")
    answer = pipeline_with(store=store_with(), llm=llm).answer("Where?")

    assert (answer.text, answer.sources) == (NO_ANSWER, ())
    llm.complete.assert_not_called()


def test_the_models_errors_reach_the_caller() -> None:
    """No answer is invented when the model fails."""
    llm = MagicMock()
    llm.complete.side_effect = CompletionError("busy")

    with pytest.raises(CompletionError, match="busy"):
        pipeline_with(llm=llm).answer("Where?")


@pytest.mark.parametrize("kilobytes", [50, 75, 100])
def test_large_pages_are_cut(kilobytes: int) -> None:
    """A long page becomes chunks that each fit."""
    store = store_with()
    text = payload(kilobytes)
    count = pipeline_with(store=store).index(text, "long.txt")

    (chunks, _), _ = store.add.call_args
    assert count == len(chunks) > kilobytes // 4
    assert max(len(chunk.text) for chunk in chunks) <= 4000


def test_answers_are_records() -> None:
    """Two equal answers are equal."""
    assert Answer(text="x", sources=(), elapsed_s=1.0) == Answer(
        text="x", sources=(), elapsed_s=1.0
    )
