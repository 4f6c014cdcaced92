"""Finalisers that make new cycles while the collector runs: freed by the next collections."""


class Ash:
    def __init__(self) -> None:
        self.itself = self


class Log:
    def __init__(self, depth: int) -> None:
        self.itself = self
        self.depth = depth
        self.payload = bytearray(2_000)

    def __del__(self) -> None:
        Ash()
        if self.depth:
            Log(self.depth - 1)


def test_finalizers():
    for _ in range(5):
        Log(1)
