"""A full cache exchanges 100 objects on each run; one more stays."""

KEPT = []
LAST = []


class Thing:
    pass


def test_leak():
    LAST[:] = [Thing() for _ in range(100)]
    KEPT.append(Thing())
