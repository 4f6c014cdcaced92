"""A thread that is never ended."""

import threading

FOREVER = threading.Event()


def test_leak():
    threading.Thread(target=FOREVER.wait, daemon=True).start()
