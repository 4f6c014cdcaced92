import itertools

from marshmallow import Schema, fields

NUMBERS = itertools.count()


def dynamic(register):
    meta = type("Meta", (), {"register": register})
    members = {"name": fields.String(), "Meta": meta}
    return type(f"Row{next(NUMBERS)}", (Schema,), members)


def test_leak():
    assert dynamic(register=True)().load({"name": "x"})


def test_ok():
    assert dynamic(register=False)().load({"name": "x"})
