"""unittest style."""

import unittest


class StoreTest(unittest.TestCase):
    made = []

    def setUp(self):
        self.made.append({"payload": bytearray(100_000)})

    def test_leak(self):
        self.assertTrue(self.made)
