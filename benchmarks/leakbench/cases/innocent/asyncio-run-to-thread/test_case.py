"""A loop and its executor for each run: asyncio.run ends both, threads included."""

import asyncio


def test_run():
    async def main() -> int:
        return sum(await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(6))))

    assert asyncio.run(main()) == 63
