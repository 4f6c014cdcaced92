"""What descriptors, threads and children are, in words that are the same on each run."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_leakcheck.sweep import open_tables as resources
from pytest_leakcheck.sweep.open_tables import (
    NewDescriptors,
    describe,
    describe_descriptor,
    generic_name,
    socket_kind,
    tables,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.mark.parametrize(
    ("link", "what"),
    [
        ("/srv/app/chroma.sqlite3", "file chroma.sqlite3"),
        ("/srv/app/log-2026-11-24.txt", "file log-*-*-*.txt"),
        ("/tmp/tmpab12cd_x", "file tmp*"),
        ("/x/6f9619ff-8b86-d011-b42d-00c04fc964ff/y", "file y"),
        ("/x/6f9619ff-8b86-d011-b42d-00c04fc964ff.bin", "file *.bin"),
        ("/x/data (deleted)", "deleted file data"),
        ("/dev/null", "device /dev/null"),
        ("/dev/pts/3", "device /dev/pts/*"),
        ("/dev/shm/psm_1a2bdf90", "file psm_*"),
        ("/memfd:name (deleted)", "memory file"),
        ("pipe:[4711]", "pipe"),
        ("socket:[4711]", "socket 4711"),
        ("anon_inode:[eventpoll]", "eventpoll"),
        ("anon_inode:inotify", "inotify"),
    ],
)  # fmt: skip
def test_a_descriptor_is_told_by_its_link(link: str, what: str) -> None:
    """Sockets apart from files; without folders and numbers."""
    assert describe_descriptor(link, lambda inode: f"socket {inode}") == what


def test_a_digit_behind_a_letter_belongs_to_the_name() -> None:
    """Others are chance."""
    assert generic_name("data_level0.bin") == "data_level0.bin"
    assert generic_name("worker12") == "worker*"


@linux
def test_sockets_are_told_apart() -> None:
    """As far as the kernel lists them."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        one, other = socket.socketpair()
        with one, other:
            kinds = [socket_kind(str(os.fstat(s.fileno()).st_ino)) for s in (tcp, udp, one)]
    assert kinds == ["TCP socket", "UDP socket", "Unix socket"]
    assert socket_kind("0123456789") == "socket"


@linux
def test_every_kind_is_counted_and_listed_alike() -> None:
    """A table's list has what its count counts."""
    with tempfile.TemporaryFile() as file:
        by_signal = {table.signal: table for table in tables()}
        assert set(by_signal) == {"fds", "threads", "children"}
        for table in by_signal.values():
            assert len(table.entries()) == table.count()
        assert file.fileno() in by_signal["fds"].entries()
        assert threading.get_native_id() in by_signal["threads"].entries()


@linux
def test_a_thread_of_pythons_own_is_a_thread() -> None:
    """It bears the process's name."""
    assert describe("threads", os.getpid(), "") == "thread"
    assert describe("children", 0, "") == "process"


@linux
def test_what_was_opened_since_the_last_look_is_named(tmp_path: Path) -> None:
    """What was there before is not, nor the listing itself; each name comes once."""
    new = NewDescriptors()
    new.look()
    assert new.look() == []
    with ExitStack() as stack:
        for name in ("b.bin", "a.bin", "a.bin"):
            stack.enter_context((tmp_path / name).open("w"))
        stack.callback(os.close, os.pipe()[0])
        assert new.look() == ["file a.bin", "file b.bin", "pipe"]
        assert new.look() == []
    new.look()
    with (tmp_path / "again.bin").open("w"):
        assert new.look() == ["file again.bin"]


def test_where_descriptors_are_hidden_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers do not show them."""

    def hidden(path: str) -> list[str]:
        raise PermissionError(path)

    monkeypatch.setattr(resources, "_listdir", hidden)
    assert NewDescriptors().look() == []
