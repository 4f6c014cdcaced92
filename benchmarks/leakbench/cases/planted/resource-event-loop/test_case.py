"""An asyncio loop: a selector and a socket pair."""

import asyncio

LOOPS = []


def test_leak():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    LOOPS.append(loop)
