"""Log records wait for a flush that never comes."""

import logging
import logging.handlers

LOG = logging.getLogger("app.memory")
LOG.propagate = False
LOG.addHandler(logging.handlers.MemoryHandler(capacity=10**9))


def test_leak():
    LOG.warning("payload %r", bytearray(100_000))
