import asyncio

import pytest
from async_lru import alru_cache


@alru_cache
async def fetch(url):
    raise ConnectionError(url)


def test_leak():
    with pytest.raises(ConnectionError):
        asyncio.run(fetch("http://example.org"))
