"""First uses inside the interpreter: decimal contexts, codecs, locale, time zones."""

import codecs
import datetime as dt
import decimal
import itertools
import locale
import zoneinfo

CODECS = ["utf-16", "cp1252", "latin-1", "koi8-r", "shift_jis", "iso8859-15", "big5", "utf-7"]
ZONES = ["Europe/Berlin", "Asia/Tokyo", "America/Lima", "UTC"]
numbers = itertools.count()


def test_first_uses():
    number = next(numbers)
    assert "x".encode(codecs.lookup(CODECS[number % len(CODECS)]).name)
    with decimal.localcontext() as context:
        context.prec = 10 + number % 50
        assert decimal.Decimal(2).sqrt()
    locale.getlocale()
    zone = zoneinfo.ZoneInfo(ZONES[number % len(ZONES)])
    assert dt.datetime(2024, 7, 1, tzinfo=zone).utcoffset() is not None
