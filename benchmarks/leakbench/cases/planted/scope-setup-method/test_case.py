"""xunit-style set-up."""


class TestStore:
    made = []

    def setup_method(self):
        self.made.append({"payload": bytearray(100_000)})

    def test_leak(self):
        assert self.made
