"""Load beside a measured run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext


def load(*, wanted: bool) -> AbstractContextManager[None]:
    """Another process that is busy meanwhile, where it is wanted."""
    return _busy() if wanted else nullcontext()


@contextmanager
def _busy() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"])
    try:
        time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()
