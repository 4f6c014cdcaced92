"""pytest-asyncio."""

import asyncio

import pytest

KEEP = []


@pytest.mark.asyncio
async def test_leak():
    await asyncio.sleep(0)
    KEEP.append({"payload": bytearray(100_000)})
