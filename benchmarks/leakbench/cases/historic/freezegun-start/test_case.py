import datetime as dt

from freezegun import freeze_time


def year():
    return dt.datetime.now(tz=dt.timezone.utc).year


def test_leak():
    freeze_time("2020-01-01").start()
    assert year() == 2020


def test_ok():
    freezer = freeze_time("2020-01-01")
    freezer.start()
    assert year() == 2020
    freezer.stop()
