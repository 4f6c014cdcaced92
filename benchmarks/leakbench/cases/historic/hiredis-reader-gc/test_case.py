import hiredis


class Parser:
    def __init__(self):
        self.buffer = bytearray(2000)
        self.reader = hiredis.Reader(replyError=self.error)

    def error(self, text):
        return ValueError(text)


def test_leak():
    parser = Parser()
    parser.reader.feed(b"+OK\r\n")
    assert parser.reader.gets() == b"OK"
