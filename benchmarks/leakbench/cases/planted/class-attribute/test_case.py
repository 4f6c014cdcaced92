"""A registry on the class."""


class Model:
    instances = []

    def __init__(self):
        self.big = bytearray(100_000)
        self.instances.append(self)


def test_leak():
    Model()
