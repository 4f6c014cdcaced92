"""asyncio tasks that are never cancelled."""

import asyncio

LOOP = asyncio.new_event_loop()


async def waits(big):
    await asyncio.sleep(3600)
    return big


async def begin():
    LOOP.create_task(waits(bytearray(100_000)))
    await asyncio.sleep(0)


def test_leak():
    LOOP.run_until_complete(begin())
