"""A client for a language model behind an HTTP endpoint."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from rag import clock
from rag.errors import CompletionError, FetchError, TransientError
from rag.infrastructure import http


class LLM(Protocol):
    """What the pipeline needs from a language model."""

    def complete(self, prompt: str) -> str:
        """Return the model's continuation of a prompt."""

    async def complete_async(self, prompt: str) -> str:
        """Return the model's continuation of a prompt without blocking."""


class HttpLLM:
    """Posts prompts to a completion endpoint and retries while it is busy."""

    def __init__(
        self, endpoint: str, *, model: str = "small", attempts: int = 3, pause_s: float = 0.5
    ) -> None:
        """Create a client.

        Args:
            endpoint: URL that takes `{"model", "prompt"}` and answers `{"text"}`.
            model: Name of the model.
            attempts: How often to ask in total, at least once.
            pause_s: Seconds before the second attempt; each further pause is twice as long.
        """
        if attempts < 1:
            raise ValueError(f"attempts must be at least 1, not {attempts}")
        self.endpoint = endpoint
        self.model = model
        self.attempts = attempts
        self.pause_s = pause_s

    def complete(self, prompt: str) -> str:
        """Return the model's continuation.

        Raises:
            CompletionError: Refused, unusable, or still busy after the last attempt.
        """
        if not prompt.strip():
            raise CompletionError("the prompt is empty")
        for attempt in range(1, self.attempts + 1):
            try:
                return self._ask(prompt)
            except TransientError as error:
                if attempt == self.attempts:
                    raise CompletionError(
                        f"{self.endpoint}: busy after {attempt} attempts"
                    ) from error
                clock.sleep(self.pause_s * 2 ** (attempt - 1))
        raise AssertionError("unreachable: attempts is at least 1")

    async def complete_async(self, prompt: str) -> str:
        """Return the model's continuation; the request runs in a thread."""
        return await asyncio.to_thread(self.complete, prompt)

    def _ask(self, prompt: str) -> str:
        try:
            answer = http.post_json(self.endpoint, {"model": self.model, "prompt": prompt})
        except FetchError as error:
            if "status 429" in str(error) or "status 503" in str(error):
                raise TransientError(str(error)) from error
            raise CompletionError(str(error)) from error
        return _text(answer, self.endpoint)


def _text(answer: Any, endpoint: str) -> str:
    """Take the text out of an answer."""
    if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
        raise CompletionError(f"{endpoint}: the answer has no 'text'")
    if not answer["text"].strip():
        raise CompletionError(f"{endpoint}: the answer is empty")
    return str(answer["text"]).strip()
