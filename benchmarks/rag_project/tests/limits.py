"""Limits of the process that runs the tests: open files and memory."""

import os
import resource
from pathlib import Path

# Stores that are not closed keep about 12 files open each, 1,300 by the end of the suite.
NEEDED_FILES = 2048

# Chroma's native threads reserve much address space that they never use: with no store
# closed, a process of 0.7 GB resident has 3.0 GB virtual.
VIRTUAL_HEADROOM_MB = 4096


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard limit and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def limit_address_space(resident_limit_mb: int) -> None:
    """Limit virtual memory well above a limit of resident memory, against a single test."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = (resident_limit_mb + VIRTUAL_HEADROOM_MB) * 1_000_000
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def enough_files(limit: int) -> bool:
    """Whether stores that are never closed fit into a limit of open files."""
    return limit == resource.RLIM_INFINITY or limit >= NEEDED_FILES


def resident_mb() -> int:
    """Return the resident memory of this process in MB; 0 where `/proc` is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize() // 1_000_000


def memory_limit_mb() -> int:
    """Return `RAG_MEMORY_LIMIT_MB`, 0 for none.

    Raises:
        ValueError: It is not a whole number of at least 0.
    """
    value = os.environ.get("RAG_MEMORY_LIMIT_MB", "0")
    if not value.isdigit():
        raise ValueError(f"RAG_MEMORY_LIMIT_MB is {value!r}; it must be a whole number of MB")
    return int(value)
