"""A connection that is only dropped closes itself."""

import sqlite3


def test_connection():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table notes (text)")
    connection.execute("insert into notes values (?)", ("x" * 100_000,))
