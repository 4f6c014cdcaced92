"""Requests: what is sent, what comes back, and errors in words."""

import io
import json
from email.message import Message
from typing import Any
from unittest.mock import MagicMock, patch
from urllib.error import HTTPError, URLError

import pytest

from rag.errors import FetchError

# By name: other tests leave patches on the module's attributes.
from rag.infrastructure.http import fetch, post_json

URLOPEN = "rag.infrastructure.http.urlopen"


def response(body: bytes) -> MagicMock:
    """Return what `urlopen` gives for a body."""
    opened = MagicMock()
    opened.__enter__.return_value.read.side_effect = lambda size: body[:size]
    return opened


@pytest.mark.parametrize("url", ["http://e.org/a.md", "https://e.org/a.html?x=1#y"])
@pytest.mark.parametrize("body", [b"", b"words", "Größe".encode(), b"\x00\xff", b"x" * 100_000])
def test_bodies_come_back_as_they_are(url: str, body: bytes) -> None:
    """Bytes are not decoded or cut."""
    with patch(URLOPEN, return_value=response(body)) as urlopen:
        assert fetch(url) == body

    (request,) = urlopen.call_args.args
    assert request.full_url == url
    assert request.get_header("User-agent") == "rag/1"
    assert urlopen.call_args.kwargs["timeout"] == 10.0


@pytest.mark.parametrize(
    "url", ["ftp://e.org/a", "file:///etc/passwd", "e.org/a", "", "javascript:1", "HTTP//e.org"]
)
def test_other_schemes_are_never_opened(url: str) -> None:
    """A list of URLs cannot read local files."""
    with patch(URLOPEN) as urlopen, pytest.raises(FetchError, match="only http and https"):
        fetch(url)

    urlopen.assert_not_called()


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (429, "Busy"), (500, "Oops")])
@pytest.mark.parametrize("send", [fetch, lambda url: post_json(url, {})])
def test_statuses_are_named(send: Any, status: int, reason: str) -> None:
    """The message has the address, the status and its reason."""
    error = HTTPError("https://e.org/a", status, reason, Message(), io.BytesIO())
    with patch(URLOPEN, side_effect=error), pytest.raises(FetchError) as caught:
        send("https://e.org/a")

    assert str(caught.value) == f"https://e.org/a: status {status} {reason}"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (URLError("no such host"), "no such host"),
        (URLError(ConnectionRefusedError("refused")), "refused"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
@pytest.mark.parametrize("send", [fetch, lambda url: post_json(url, {})])
def test_unreachable_hosts_are_named(send: Any, error: Exception, reason: str) -> None:
    """A network error is one error type for callers."""
    with patch(URLOPEN, side_effect=error), pytest.raises(FetchError, match=reason):
        send("https://e.org/a")


def test_endless_bodies_are_refused() -> None:
    """At most 8 MiB are read."""
    opened = MagicMock()
    opened.__enter__.return_value.read.side_effect = lambda size: b"x" * size
    with patch(URLOPEN, return_value=opened), pytest.raises(FetchError, match="more than 8388608"):
        fetch("https://e.org/a")


@pytest.mark.parametrize("answer", [{}, {"text": "x"}, [], "x", 1, None])
def test_json_goes_both_ways(answer: Any) -> None:
    """The body is JSON, the answer is parsed."""
    with patch(URLOPEN, return_value=response(json.dumps(answer).encode())) as urlopen:
        assert post_json("https://e.org/c", {"prompt": "Größe"}) == answer

    (request,) = urlopen.call_args.args
    assert json.loads(request.data) == {"prompt": "Größe"}
    assert request.get_method() == "POST"
    assert request.get_header("Content-type") == "application/json"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff"])
def test_answers_that_are_not_json_are_quoted(body: bytes) -> None:
    """A proxy's error page is recognised in the message."""
    with (
        patch(URLOPEN, return_value=response(body)),
        pytest.raises(FetchError, match="not JSON"),
    ):
        post_json("https://e.org/c", {})
