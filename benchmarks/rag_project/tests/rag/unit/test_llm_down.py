"""While the model is down every question fails, and nothing else does."""

from unittest.mock import MagicMock

import pytest

from rag.errors import CompletionError
from tests.rag.unit.doubles import payload, pipeline_with, store_with

pytestmark = pytest.mark.leak("exception-instance")


@pytest.mark.parametrize("kilobytes", [50, 80, 100])
@pytest.mark.parametrize("word", ["kite", "gull", "heron"])
def test_long_questions_fail_with_the_models_error(
    llm_down: MagicMock, word: str, kilobytes: int
) -> None:
    """The caller sees why, whatever was asked."""
    question = payload(kilobytes, word)
    with pytest.raises(CompletionError, match="the model is down"):
        pipeline_with(llm=llm_down).answer(question)

    assert question.strip() in llm_down.complete.call_args.args[0]


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_asking_again_fails_again(llm_down: MagicMock, attempts: int) -> None:
    """The pipeline does not remember a failure as an answer."""
    pipeline = pipeline_with(llm=llm_down)
    for _ in range(attempts):
        with pytest.raises(CompletionError):
            pipeline.answer("Where?")


def test_events_tell_of_answers_only(llm_down: MagicMock) -> None:
    """A failure is not announced as an answer."""
    listener = MagicMock()
    with pytest.raises(CompletionError):
        pipeline_with(llm=llm_down, on_event=listener).answer("Where?")

    listener.assert_not_called()


def test_indexing_goes_on(llm_down: MagicMock) -> None:
    """Indexing does not need the model."""
    store = store_with()
    assert pipeline_with(llm=llm_down, store=store).index("words", "a.md") == 1
    store.add.assert_called_once()
