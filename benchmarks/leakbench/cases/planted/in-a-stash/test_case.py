"""A dict in the stash of the session, under a key of the suite."""

import itertools

import pytest

NUMBERS = itertools.count()
KEY = pytest.StashKey()


class Thing:
    pass


def test_leak(request):
    request.session.stash.setdefault(KEY, {})[next(NUMBERS)] = Thing()
