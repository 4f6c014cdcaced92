import asyncio
import tempfile
from pathlib import Path

import aiosqlite

PATH = Path(tempfile.mkdtemp()) / "a.db"
LOOP = asyncio.new_event_loop()


async def ask(db):
    cursor = await db.execute("select 1")
    assert await cursor.fetchone() == (1,)


async def left_open():
    db = aiosqlite.connect(PATH)
    db.daemon = True  # else the process would wait for the thread
    await ask(await db)


async def closed():
    async with aiosqlite.connect(PATH) as db:
        await ask(db)


def test_leak():
    LOOP.run_until_complete(left_open())


def test_ok():
    LOOP.run_until_complete(closed())
