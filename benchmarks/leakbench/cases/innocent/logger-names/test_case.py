"""logging keeps a logger for each name for ever; here there are 150 names."""

import itertools
import logging

logging.getLogger("app").addHandler(logging.NullHandler())
numbers = itertools.count()


def test_log():
    number = next(numbers)
    logging.getLogger(f"app.module{number % 150}").warning("event %s", number)
