"""An object stays in a test that forks and waits for its child."""

import os

KEPT = []


class Thing:
    pass


def test_leak():
    KEPT.append(Thing())
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
