"""A Chromium for the tests, driven over its debugging pipe: nothing else has to be installed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE_S = 30.0


@dataclass
class Visit:
    """What happened while a page was open."""

    complaints: list[str] = field(default_factory=list)
    """Console messages, exceptions, violations of the policy."""
    requests: list[str] = field(default_factory=list)
    """Every address that was asked for, the page's own first."""
    result: Any = None
    """What the script that was run in the page gave back."""


class Browser:
    """One browser; a page at a time."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4.
        spare = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]

        def place() -> None:
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=place,  # noqa: PLW1509 - no thread runs in these tests
            pass_fds=(3, 4),
            stderr=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, *spare):
            os.close(fd)
        self._number = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        os.close(self._in)
        os.close(self._out)

    def visit(self, address: str, script: str) -> Visit:
        """Open a page, wait until its script is ready, run ``script`` in it."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable", session)
        self._call("Page.navigate", session, url=address)
        ready = "document.documentElement.dataset.ready === 'yes'"
        deadline = time.monotonic() + PATIENCE_S
        while self._run(session, ready) is not True and time.monotonic() < deadline:
            time.sleep(0.05)
        seen = Visit(result=self._run(session, script))
        for event in self._events:
            _note(event, seen)
        self._call("Target.closeTarget", targetId=target)
        return seen

    def _run(self, session: str, script: str) -> Any:
        answer = self._call(
            "Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True
        )
        return answer["result"].get("value")

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._in], [], [], PATIENCE_S)
            assert readable, "the browser does not answer"
            more = os.read(self._in, 1 << 16)
            assert more, "the browser has ended"
            self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(first)
        return answer


def _note(event: dict[str, Any], seen: Visit) -> None:
    method, parameters = event.get("method"), event.get("params", {})
    if method == "Network.requestWillBeSent":
        seen.requests.append(parameters["request"]["url"])
    elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
        seen.complaints.append(json.dumps(parameters))
