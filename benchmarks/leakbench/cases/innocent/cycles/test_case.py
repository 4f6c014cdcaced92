"""Ten self-referring objects a run: a saw-tooth that only the collector flattens."""


class Node:
    def __init__(self) -> None:
        self.itself = self
        self.payload = bytearray(5_000)


def test_nodes():
    for _ in range(10):
        Node()
