"""Threads with locals of their own, joined; and one that ends a little after the test."""

import threading
import time

LOCAL = threading.local()


def work():
    LOCAL.rows = [[n] for n in range(1_000)]


def test_joined():
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_ends_by_itself():
    threading.Thread(target=time.sleep, args=(0.02,)).start()
