"""A history of the last 500 events, each of another size."""

import collections
import itertools

history: collections.deque[dict[str, object]] = collections.deque(maxlen=500)
numbers = itertools.count()


def test_event():
    number = next(numbers)
    history.append({"number": number, "text": "x" * 500 + str(number)})
