"""Abstract classes remember, weakly, which classes were registered and checked."""

import collections.abc


def test_register():
    class Local:
        payload = bytearray(100_000)

    collections.abc.Sequence.register(Local)
    assert not isinstance(Local(), collections.abc.Mapping)


def test_negative_cache():
    class Local:
        pass

    assert not isinstance(Local(), collections.abc.Sized)
    assert not issubclass(Local, collections.abc.Callable)
