"""__init_subclass__ registers every class for good."""


class Plugin:
    registry = []

    def __init_subclass__(cls):
        Plugin.registry.append(cls)


def test_leak():
    class Made(Plugin):
        big = bytearray(100_000)
