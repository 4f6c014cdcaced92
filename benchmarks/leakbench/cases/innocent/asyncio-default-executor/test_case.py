"""A loop's default executor starts threads up to its limit and keeps them."""

import asyncio
import time

loop = asyncio.new_event_loop()


async def in_threads():
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.0005) for _ in range(4)))


def test_to_thread():
    loop.run_until_complete(in_threads())
