"""An object that resurrects itself."""

KEEP = []


class Phoenix:
    def __init__(self):
        self.big = bytearray(100_000)

    def __del__(self):
        KEEP.append(self)


def test_leak():
    Phoenix()
