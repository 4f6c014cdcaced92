"""A list of errors keeps the locals of those who raised them."""

ERRORS = []


def fails():
    big = bytearray(100_000)
    raise ValueError(len(big))


def test_leak():
    try:
        fails()
    except ValueError as error:
        ERRORS.append(error)
