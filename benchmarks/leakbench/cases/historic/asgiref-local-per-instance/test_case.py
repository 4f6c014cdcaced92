from asgiref.local import Local

SHARED = Local()


class Request:
    def __init__(self, local):
        self.local = local
        self.local.user = [bytearray(2000)]


def test_leak():
    assert Request(Local()).local.user


def test_ok():
    assert Request(SHARED).local.user
