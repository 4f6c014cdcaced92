"""A logger for each request."""

import itertools
import logging

NUMBERS = itertools.count()


def test_leak():
    for _ in range(20):
        logging.getLogger(f"app.request.{next(NUMBERS)}").info("begun")
