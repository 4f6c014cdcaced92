"""pickle, copy and json over many types: dispatch tables are filled on first use."""

import copy
import fractions
import itertools
import json
import pickle
import uuid

VALUES = [1, 2.5, "x", b"y", [1], (2,), {3}, {"a": 1}, fractions.Fraction(1, 3), uuid.UUID(int=1)]
numbers = itertools.count()


def test_round_trip():
    value = VALUES[next(numbers) % len(VALUES)]
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value)
    json.dumps({"value": str(value)})
