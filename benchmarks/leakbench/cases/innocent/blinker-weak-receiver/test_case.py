"""A signal keeps weak references to its receivers: they die with the test's object."""

from blinker import signal

SAVED = signal("saved")


class Listener:
    def __init__(self) -> None:
        self.payload = bytearray(100_000)
        SAVED.connect(self.on_saved)

    def on_saved(self, sender):
        pass


def test_listener():
    Listener()
    SAVED.send("test")
