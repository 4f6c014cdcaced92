"""The two HTTP requests this project makes, on the standard library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rag.errors import FetchError

_TIMEOUT_S = 10.0
_MAX_BYTES = 8 * 1024 * 1024


def fetch(url: str) -> bytes:
    """Return the body behind an http(s) URL.

    Raises:
        FetchError: Not an http(s) URL, not reachable, not status 200, or above 8 MiB.
    """
    if not url.startswith(("http://", "https://")):
        raise FetchError(f"{url}: only http and https are fetched")
    return _read(Request(url, headers={"User-Agent": "rag/1"}), url)


def post_json(url: str, body: Mapping[str, Any]) -> Any:
    """Send a JSON object and return the JSON answer.

    Raises:
        FetchError: Not reachable, not status 200, or the answer is not JSON.
    """
    data = json.dumps(body).encode()
    request = Request(url, data=data, headers={"Content-Type": "application/json"})
    answer = _read(request, url)
    try:
        return json.loads(answer)
    except ValueError as error:
        raise FetchError(f"{url}: the answer is not JSON: {answer[:40]!r}") from error


def _read(request: Request, url: str) -> bytes:
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as response:
            body: bytes = response.read(_MAX_BYTES + 1)
    except HTTPError as error:
        raise FetchError(f"{url}: status {error.code} {error.reason}") from error
    except (URLError, TimeoutError) as error:
        raise FetchError(f"{url}: not reachable: {getattr(error, 'reason', error)}") from error
    if len(body) > _MAX_BYTES:
        raise FetchError(f"{url}: more than {_MAX_BYTES} bytes")
    return body
