"""dataclasses compile functions for each class; nothing of them is kept."""

import dataclasses


def test_dataclass():
    @dataclasses.dataclass(frozen=True, slots=True, order=True)
    class Point:
        x: int
        y: int = 0
        tags: list[str] = dataclasses.field(default_factory=list)

    assert dataclasses.replace(Point(1), y=2) > Point(1)
