"""A module keeps the last result: each run's objects take the place of the run's before."""

last: list[object] = [None]


class Answer:
    def __init__(self) -> None:
        self.rows = [[n, str(n)] for n in range(300)]


def test_keeps_the_last():
    last[0] = Answer()


def test_keeps_the_last_two():
    last.insert(0, Answer())
    del last[2:]
