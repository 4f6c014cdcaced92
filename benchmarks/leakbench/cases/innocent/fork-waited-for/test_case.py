"""A child that is waited for."""

import os


def test_ok():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
