"""Forks of this process.

What is registered with ``os.register_at_fork`` stays until the interpreter has ended, and with it
all that the functions' globals lead to: the interpreter's last collections would go over the whole
session. So this module has no globals but numbers and functions, and imports nothing at its top.
"""

_watched = False
_forks = 0
_in_child = False


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - at-fork hooks cannot be unregistered or carry state
    _forks += 1


def _enter_child() -> None:
    global _in_child  # noqa: PLW0603
    _in_child = True


def watch_forks() -> None:
    """Count forks of this process from now on, and know in a child that it is one."""
    import os

    global _watched  # noqa: PLW0603
    if not _watched and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=_count_fork, after_in_child=_enter_child)
    _watched = True


def forks_so_far() -> int:
    """Forks since they are watched."""
    return _forks


def in_forked_child() -> bool:
    """Whether this process is a fork of the one that was measured."""
    return _in_child
