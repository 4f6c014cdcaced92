"""Async answers: at once, in order, errors in their places."""

import asyncio
from unittest.mock import AsyncMock, MagicMock

import pytest

from rag.errors import CompletionError, RagError
from rag.models import Answer
from rag.pipeline import NO_ANSWER
from tests.rag.unit.doubles import llm_saying, pipeline_with, store_with


@pytest.mark.anyio
@pytest.mark.parametrize("question", ["Where?", "When?", "  Who?  ", "雪?"])
async def test_async_and_sync_answers_are_the_same(question: str) -> None:
    """Both ways build the same prompt and give the same answer."""
    llm = llm_saying("In trees.")
    pipeline = pipeline_with(llm=llm)
    later, now = await pipeline.answer_async(question), pipeline.answer(question)

    assert (later.text, later.sources) == (now.text, now.sources)
    assert llm.complete_async.await_args == llm.complete.call_args


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, 2, 5, 20])
async def test_answers_keep_the_order_of_questions(count: int) -> None:
    """The slowest first question does not come last."""

    async def reply(prompt: str) -> str:
        number = int(prompt.rsplit("Question: q", 1)[1].split("\n")[0])
        await asyncio.sleep(0.001 * (count - number))
        return f"a{number}"

    llm = MagicMock(complete_async=AsyncMock(side_effect=reply))
    answers = await pipeline_with(llm=llm).answer_all([f"q{n}" for n in range(count)])

    assert [a.text for a in answers if isinstance(a, Answer)] == [f"a{n}" for n in range(count)]


@pytest.mark.anyio
@pytest.mark.parametrize("failing", [[0], [1], [2], [0, 2], [0, 1, 2]])
async def test_failures_stay_in_their_places(failing: list[int]) -> None:
    """An error replaces one answer only."""
    effects = [CompletionError(f"no {n}") if n in failing else f"yes {n}" for n in range(3)]
    llm = MagicMock(complete_async=AsyncMock(side_effect=effects))
    answers = await pipeline_with(llm=llm).answer_all(["a", "b", "c"])

    assert [n for n, answer in enumerate(answers) if isinstance(answer, RagError)] == failing


@pytest.mark.parametrize("error", [KeyError("bug"), TypeError("bug"), ZeroDivisionError("bug")])
def test_bugs_are_not_answers(error: Exception) -> None:
    """Only the project's own errors are results; others are raised."""
    llm = MagicMock(complete_async=AsyncMock(side_effect=error))

    with pytest.raises(type(error)):
        asyncio.run(pipeline_with(llm=llm).answer_all(["a", "b"]))


@pytest.mark.parametrize("count", [1, 2, 8])
def test_questions_are_asked_at_once(count: int) -> None:
    """All requests are on their way before the first one ends."""
    running, most = 0, 0

    async def reply(_prompt: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return "yes"

    llm = MagicMock(complete_async=AsyncMock(side_effect=reply))
    asyncio.run(pipeline_with(llm=llm).answer_all([f"q{n}" for n in range(count)]))

    assert most == count


@pytest.mark.parametrize("question", ["", " ", "\n"])
def test_blank_questions_are_refused(question: str) -> None:
    """The rule of the retriever holds for async calls too."""
    with pytest.raises(ValueError, match="blank"):
        asyncio.run(pipeline_with().answer_async(question))


def test_without_hits_nothing_is_awaited() -> None:
    """Nothing found is an answer by itself."""
    llm = llm_saying("invented")
    answer = asyncio.run(pipeline_with(store=store_with(), llm=llm).answer_async("Where?"))

    assert answer.text == NO_ANSWER
    llm.complete_async.assert_not_awaited()
