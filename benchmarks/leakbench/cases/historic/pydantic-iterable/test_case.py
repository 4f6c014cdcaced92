from collections.abc import Iterable

from pydantic import BaseModel


class Model(BaseModel):
    items: Iterable[int]


class Node:
    def __init__(self):
        self.data = bytearray(5000)
        self.model = Model(items=self.sizes())

    def sizes(self):
        yield from range(len(self.data) // 1000)


def test_leak():
    node = Node()
    assert next(iter(node.model.items)) == 0
