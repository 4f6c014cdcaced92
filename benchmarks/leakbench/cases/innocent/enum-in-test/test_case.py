"""Enumerations made in the test; flags cache the combinations that were asked for."""

import enum


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    RUN = enum.auto()
    OWN = enum.auto()
    SHARE = enum.auto()
    LEND = enum.auto()


numbers = iter(range(1 << 30))


def test_flag_combinations():
    assert Right(next(numbers) % 64) is not None


def test_enum_made_here():
    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    assert Colour("red" == "red") is Colour.RED
