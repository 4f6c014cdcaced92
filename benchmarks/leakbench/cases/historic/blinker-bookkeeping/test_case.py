import itertools

from blinker import Signal

ORDERED = Signal()
NUMBERS = itertools.count()
SEEN = []


def receiver(sender):
    SEEN[:] = [sender]


def send():
    customer = f"customer-{next(NUMBERS)}"
    with ORDERED.connected_to(receiver, sender=customer):
        ORDERED.send(customer)
    assert customer in SEEN


def test_leak():
    send()


def test_ok():
    send()
    ORDERED._cleanup_bookkeeping()
