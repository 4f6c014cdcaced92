"""Objects registered by id and taken out again: ids come back, entries do not stay."""

registry: dict[int, object] = {}


class Session:
    def __enter__(self):
        registry[id(self)] = self
        return self

    def __exit__(self, *error):
        del registry[id(self)]


def test_sessions():
    for _ in range(20):
        with Session() as session:
            assert registry[id(session)] is session
