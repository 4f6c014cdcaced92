"""sqlite3 connections that are never closed."""

import sqlite3

KEEP = []


def test_leak(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("create table t(x)")
    KEEP.append(connection)
