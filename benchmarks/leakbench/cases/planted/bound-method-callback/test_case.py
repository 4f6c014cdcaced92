"""A bound method in a set of listeners."""

LISTENERS = set()


class Window:
    def __init__(self):
        self.big = bytearray(100_000)
        LISTENERS.add(self.on_close)

    def on_close(self):
        return self.big


def test_leak():
    Window()
