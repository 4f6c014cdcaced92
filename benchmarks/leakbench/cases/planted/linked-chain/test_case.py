"""A chain that starts at a module attribute."""


class Node:
    def __init__(self, before):
        self.before = before
        self.big = bytearray(100_000)


HEAD = None


def test_leak():
    global HEAD
    HEAD = Node(HEAD)
