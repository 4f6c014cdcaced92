"""The model's client retries while the model is busy, and only then."""

import asyncio
from typing import Any
from unittest.mock import call, patch

import pytest

from rag.errors import CompletionError, FetchError
from rag.infrastructure.llm import HttpLLM

POST = "rag.infrastructure.llm.http.post_json"
SLEEP = "rag.infrastructure.llm.clock.sleep"
URL = "https://llm.example.org/complete"
BUSY = FetchError(f"{URL}: status 429 Too Many Requests")


@pytest.mark.parametrize("model", ["small", "large"])
@pytest.mark.parametrize("prompt", ["Where?", "two\nlines", "雪?", "x" * 60_000])
def test_prompts_are_posted(model: str, prompt: str) -> None:
    """Model and prompt go out, the text comes back without blanks around it."""
    with patch(POST, return_value={"text": " In trees.\n"}) as post:
        assert HttpLLM(URL, model=model).complete(prompt) == "In trees."

    post.assert_called_once_with(URL, {"model": model, "prompt": prompt})


@pytest.mark.parametrize("prompt", ["", "  ", "\n"])
def test_empty_prompts_are_not_sent(prompt: str) -> None:
    """A request that cannot be answered is not paid for."""
    with patch(POST) as post, pytest.raises(CompletionError, match="prompt is empty"):
        HttpLLM(URL).complete(prompt)

    post.assert_not_called()


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Unavailable"])
@pytest.mark.parametrize(
    ("failures", "pauses"), [(1, [0.5]), (2, [0.5, 1.0]), (3, [0.5, 1.0, 2.0])]
)
def test_busy_models_are_asked_again(status: str, failures: int, pauses: list[float]) -> None:
    """Each pause is twice as long as the one before."""
    effects: list[Any] = [FetchError(f"status {status}") for _ in range(failures)]
    with patch(POST, side_effect=[*effects, {"text": "yes"}]), patch(SLEEP) as sleep:
        assert HttpLLM(URL, attempts=4).complete("Where?") == "yes"

    assert sleep.call_args_list == [call(pause) for pause in pauses]


@pytest.mark.parametrize("attempts", [1, 2, 3, 6])
def test_patience_ends(attempts: int) -> None:
    """After the last attempt the error says how often it was tried."""
    with (
        patch(POST, side_effect=lambda *_: (_ for _ in ()).throw(FetchError("status 503"))) as post,
        patch(SLEEP) as sleep,
        pytest.raises(CompletionError, match=f"busy after {attempts} attempts"),
    ):
        HttpLLM(URL, attempts=attempts).complete("Where?")

    assert post.call_count == attempts
    assert sleep.call_count == attempts - 1


@pytest.mark.parametrize("reason", ["status 400 Bad", "status 401 No", "not reachable", "not JSON"])
def test_other_errors_are_final(reason: str) -> None:
    """Asking again would not help."""
    with (
        patch(POST, side_effect=FetchError(reason)) as post,
        pytest.raises(CompletionError, match=reason),
    ):
        HttpLLM(URL).complete("Where?")

    assert post.call_count == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "no 'text'"),
        ([], "no 'text'"),
        (None, "no 'text'"),
        ({"text": None}, "no 'text'"),
        ({"text": 7}, "no 'text'"),
        ({"text": ""}, "is empty"),
        ({"text": " \n"}, "is empty"),
    ],
)
def test_unusable_answers_are_errors(answer: Any, reason: str) -> None:
    """Nothing is made up from a broken answer."""
    with patch(POST, return_value=answer), pytest.raises(CompletionError, match=reason):
        HttpLLM(URL).complete("Where?")


@pytest.mark.parametrize("attempts", [0, -1])
def test_at_least_one_attempt_is_needed(attempts: int) -> None:
    """A client that never asks is a mistake."""
    with pytest.raises(ValueError, match="at least 1"):
        HttpLLM(URL, attempts=attempts)


@pytest.mark.anyio
@pytest.mark.parametrize("count", [1, 3])
async def test_async_calls_run_in_threads(count: int) -> None:
    """Blocking requests do not block the loop."""
    with patch(POST, return_value={"text": "yes"}) as post:
        llm = HttpLLM(URL)
        replies = await asyncio.gather(*(llm.complete_async(f"q{n}") for n in range(count)))

    assert replies == ["yes"] * count
    assert post.call_count == count
