"""anyio."""

import anyio
import pytest

KEEP = []


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_leak():
    await anyio.sleep(0)
    KEEP.append({"payload": bytearray(100_000)})
