"""A socket that is never closed."""

import socket

KEEP = []


def test_leak():
    KEEP.append(socket.socket())
