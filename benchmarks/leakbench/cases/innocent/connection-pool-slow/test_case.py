"""A pool of sockets that opens one more on every fourth run, up to six."""

import itertools
import socket

pool: list[tuple[socket.socket, socket.socket]] = []
numbers = itertools.count()


def test_borrow():
    wanted = min(next(numbers) // 4 + 1, 6)
    while len(pool) < wanted:
        pool.append(socket.socketpair())
    left, right = pool[-1]
    left.send(b"x")
    assert right.recv(1) == b"x"
