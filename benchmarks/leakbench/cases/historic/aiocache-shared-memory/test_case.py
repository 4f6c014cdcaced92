import asyncio
import itertools

from aiocache import SimpleMemoryCache

NUMBERS = itertools.count()


async def remember(key):
    cache = SimpleMemoryCache()
    await cache.set(key, ["a result"])
    return await cache.get(key)


def test_leak():
    assert asyncio.run(remember(f"user-{next(NUMBERS)}"))
