"""typing caches subscripts of generics, 128 for each."""

import itertools
import typing

numbers = itertools.count()


def test_subscript():
    kind = type(f"Kind{next(numbers)}", (), {})
    assert typing.get_args(typing.Optional[typing.List[kind]])  # noqa: UP006, UP045
