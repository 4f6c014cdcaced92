"""The audit trail gets every event with its payload.

`audit`, `events` and `clean_mock` may have seen other tests: assertions look at what this
test added only.
"""

from unittest.mock import MagicMock

import pytest

from tests.rag.unit.doubles import llm_saying, payload, pipeline_with

SIZES_KB = [50, 60, 70, 80, 90, 100]
WORDS = ["kite", "gull", "heron"]


@pytest.mark.leak("mock-payload")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kilobytes", SIZES_KB)
def test_audit_gets_the_converted_text(audit: MagicMock, kilobytes: int, word: str) -> None:
    """The text is recorded as it was indexed."""
    text = payload(kilobytes, word)
    pipeline_with(on_event=audit.record).index(text, f"{word}.txt")

    converted, indexed = audit.record.call_args_list[-2:]
    assert converted.args == ("converted", text.strip())
    assert indexed.args == ("indexed", f"{word}.txt")


@pytest.mark.leak("mock-payload")
@pytest.mark.parametrize("kilobytes", SIZES_KB)
def test_audit_gets_long_answers(audit: MagicMock, kilobytes: int) -> None:
    """An answer is recorded whole."""
    said = payload(kilobytes)
    answer = pipeline_with(llm=llm_saying(said), on_event=audit.record).answer("Where?")

    assert audit.record.call_args.args == ("answered", said)
    assert answer.text == said


@pytest.mark.leak("mock-payload")
@pytest.mark.parametrize("suffix", [".txt", ".md", ".text", ".markdown"])
@pytest.mark.parametrize("kilobytes", SIZES_KB[:3])
def test_events_come_in_order(events: MagicMock, kilobytes: int, suffix: str) -> None:
    """Conversion is announced before indexing."""
    before = events.call_count
    pipeline_with(on_event=events).index(payload(kilobytes), f"a{suffix}")

    assert [recorded.args[0] for recorded in events.call_args_list[before:]] == [
        "converted",
        "indexed",
    ]


@pytest.mark.leak("mock-payload-reset")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kilobytes", SIZES_KB)
def test_the_model_gets_the_whole_question(
    clean_mock: MagicMock, kilobytes: int, word: str
) -> None:
    """A question is not shortened, however long it is."""
    clean_mock.complete.return_value = "In trees."
    question = payload(kilobytes, word)
    pipeline_with(llm=clean_mock).answer(question)

    (prompt,) = clean_mock.complete.call_args.args
    assert question.strip() in prompt


@pytest.mark.leak("mock-payload-reset")
@pytest.mark.parametrize("kilobytes", SIZES_KB)
def test_the_embedder_gets_every_chunk(clean_mock: MagicMock, kilobytes: int) -> None:
    """What is embedded is what is stored."""
    clean_mock.embed_many.side_effect = lambda texts: [[1.0]] * len(texts)
    count = pipeline_with(embedder=clean_mock).index(payload(kilobytes), "a.txt")

    (texts,) = clean_mock.embed_many.call_args.args
    assert len(texts) == count
