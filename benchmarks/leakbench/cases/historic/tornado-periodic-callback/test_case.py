import asyncio

from tornado.ioloop import PeriodicCallback

LOOP = asyncio.new_event_loop()


class Poller:
    def __init__(self):
        self.seen = bytearray(2000)

    def poll(self):
        self.seen.clear()


async def started():
    callback = PeriodicCallback(Poller().poll, 60_000)
    callback.start()
    await asyncio.sleep(0)
    return callback


def test_leak():
    assert LOOP.run_until_complete(started()).is_running()


def test_ok():
    callback = LOOP.run_until_complete(started())
    assert callback.is_running()
    callback.stop()
    LOOP.run_until_complete(asyncio.sleep(0))
