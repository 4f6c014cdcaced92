"""A table that is emptied every 90 entries, and an object that stays."""

TABLE, KEPT = [], []


class Thing:
    pass


def test_leak():
    TABLE.append(Thing())
    if len(TABLE) > 90:
        TABLE.clear()
    KEPT.append(Thing())
