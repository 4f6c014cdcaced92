"""An engine for each test, never disposed of."""

import sqlalchemy as sa

KEEP = []


def test_leak(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    KEEP.append(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("select 1"))
