"""sqlite3 connections to :memory:."""

import sqlite3

KEEP = []


def test_leak():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t(x)")
    connection.execute("insert into t values (?)", ("x" * 100_000,))
    KEEP.append(connection)
