"""unittest classes: instances, cleanups, subtests, caught logs."""

import logging
import unittest


class Case(unittest.TestCase):
    def setUp(self):
        self.rows = [[n] for n in range(1_000)]
        self.addCleanup(self.rows.clear)

    def test_rows(self):
        for row in self.rows[:5]:
            with self.subTest(row=row):
                self.assertEqual(len(row), 1)

    def test_logs(self):
        with self.assertLogs("case") as logs:
            logging.getLogger("case").warning("told")
        self.assertEqual(len(logs.output), 1)

    def test_raises(self):
        with self.assertRaises(ZeroDivisionError):
            len(self.rows) / 0
