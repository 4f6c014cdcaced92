"""A connection keeps its last 128 compiled statements; here each run has a new one."""

import itertools
import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("create table notes (text)")
numbers = itertools.count()


def test_new_statement():
    number = next(numbers)
    row = connection.execute(f"select count(*) + {number} from notes").fetchone()
    assert row == (number,)
