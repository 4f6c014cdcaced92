"""Tasks, queues, timeouts and cancelled tasks in a loop that is closed."""

import asyncio
import contextlib


def test_tasks():
    async def main():
        queue: asyncio.Queue[int] = asyncio.Queue()
        producers = [asyncio.create_task(queue.put(n)) for n in range(20)]
        await asyncio.gather(*producers)
        stuck = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        stuck.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stuck
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        return queue.qsize()

    assert asyncio.run(main()) == 20
