"""A ThreadPoolExecutor starts a thread only when none is idle: twelve over many runs."""

import concurrent.futures
import itertools
import time

pool = concurrent.futures.ThreadPoolExecutor(12)
numbers = itertools.count(1)


def test_submit():
    waiting = [pool.submit(time.sleep, 0.0005) for _ in range(min(next(numbers) // 8 + 1, 12))]
    for future in waiting:
        future.result()
