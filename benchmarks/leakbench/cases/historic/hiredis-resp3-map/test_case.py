import hiredis

PAIRS = (b"$4\r\nk%03d\r\n$100\r\n%s\r\n" % (i, b"v" * 100) for i in range(50))
MAP = b"%50\r\n" + b"".join(PAIRS)


def test_leak():
    reader = hiredis.Reader()
    reader.feed(MAP)
    assert len(reader.gets()) == 50
