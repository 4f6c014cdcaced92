"""Settings are made once, by an lru_cache with a limit, and a list of theirs gathers."""

import functools


class Settings:
    def __init__(self):
        self.changes = []


@functools.lru_cache(maxsize=1)
def settings():
    return Settings()


def test_change():
    settings().changes.append({"debug": True})
