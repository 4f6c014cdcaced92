"""A pool with two workers for each test."""

from concurrent.futures import ThreadPoolExecutor

KEEP = []


def test_leak():
    executor = ThreadPoolExecutor(2)
    executor.submit(len, b"x").result()
    executor.submit(len, b"x").result()
    KEEP.append(executor)
