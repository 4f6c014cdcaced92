"""Parts of a node id: its file and its function."""

from __future__ import annotations

from pytest_leakcheck.model.signals import Late


def function_of(nodeid: str) -> str:
    """The test function of a node id: without its parameters."""
    return nodeid.partition("[")[0]


def garbage_kin(nodeid: str, late: Late) -> tuple[str, int]:
    """What tests share of which one tells for all what they leave to the cyclic collector:
    instances of one function that leave it as many objects."""
    return function_of(nodeid), late.objects


def file_of(nodeid: str) -> str:
    """The file that collects a test, relative to the root folder."""
    return nodeid.partition("::")[0]
