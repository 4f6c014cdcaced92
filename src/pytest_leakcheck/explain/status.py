"""Whether each object of a path should be alive: what is known of single ones, carried along.

Pure: states in, states out. What one object says about itself comes from the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["expected", "stuck", "unknown"]

#: Why a head is stuck: it was born in the run that was measured, and a collection did not free it.
BORN = "made by the test, alive after its teardown"
#: Why a growing container's newest item is stuck.
ADDED = "added by each run, never taken out"


class State(NamedTuple):
    """What is known about one object of a path."""

    status: Status
    reason: str = ""
    suspect: bool = False
    """Whether the reference into the object may be the faulty one."""


def propagate(own: Sequence[tuple[Status, str]], names: Sequence[str]) -> list[State]:
    """The states along a path, root first, from what each object says about itself.

    What lies above an expected object is expected: it leads to something that is in use. What lies
    below a stuck one is stuck with it. Only the references between the last expected object and the
    first stuck one below it are suspects. Where the two claims contradict each other, being in use
    wins. O(path).

    Args:
        own: status and reason of each object, ``unknown`` where nothing is known.
        names: what to call each object in another one's reason.
    """
    last = max((at for at, (status, _) in enumerate(own) if status == "expected"), default=-1)
    first = next((at for at in range(last + 1, len(own)) if own[at][0] == "stuck"), len(own))
    states = []
    for at, (status, reason) in enumerate(own):
        if at <= last:
            if status != "expected":
                below = next(n for n in range(at, len(own)) if own[n][0] == "expected")
                reason = f"it leads to {names[below]}, which is expected"  # noqa: PLW2901
            states.append(State("expected", reason))
        elif at <= first:
            states.append(State(status, reason, suspect=at > 0))
        else:
            if status != "stuck":
                reason = f"it hangs on {names[first]}, which is stuck"  # noqa: PLW2901
            states.append(State("stuck", reason))
    return states
