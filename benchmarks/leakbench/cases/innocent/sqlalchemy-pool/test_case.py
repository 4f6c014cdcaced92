"""A pool that fills to five connections, and a bounded cache of compiled statements."""

import itertools
import tempfile

import sqlalchemy as sa

folder = tempfile.TemporaryDirectory()
engine = sa.create_engine(f"sqlite:///{folder.name}/a.db", pool_size=5)
numbers = itertools.count(1)


def test_connections():
    number = next(numbers)
    for connection in [engine.connect() for _ in range(min(number // 5, 5) + 1)]:
        statement = sa.select(sa.literal(1).label(f"column{number % 700}"))
        assert connection.execute(statement).scalar() == 1
        connection.close()
