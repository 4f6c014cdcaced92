"""A class is a web of cycles and enters its base's weak list of subclasses."""


def test_class():
    class Local:
        payload = bytearray(100_000)

        def size(self) -> int:
            return len(self.payload)

    assert Local().size() == 100_000
