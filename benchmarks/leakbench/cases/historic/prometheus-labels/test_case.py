import itertools

from prometheus_client import CollectorRegistry, Counter

REQUESTS = Counter("requests", "n", ["user"], registry=CollectorRegistry())
NUMBERS = itertools.count()


def test_leak():
    REQUESTS.labels(user=f"user-{next(NUMBERS)}").inc()


def test_ok():
    REQUESTS.labels(user=f"user-{next(NUMBERS) % 2}").inc()
