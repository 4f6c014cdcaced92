"""psleak's MemoryLeakTestCase.execute() on every test function, repeated as it likes."""

from __future__ import annotations

import psleak
import pytest
from rivals.answers import answer


class _Checks(psleak.MemoryLeakTestCase):  # type: ignore[misc]
    """psleak with fewer calls than its 200 and 10 retries: a case of 10 MB has to end."""

    retries = 5
    times = 20

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        """Not run: only execute() is used."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Repeat the test's function with the arguments that it got."""
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    try:
        _Checks().execute(lambda: pyfuncitem.obj(**arguments))
        accused = False
    except psleak.Error:
        accused = True
    answer(pyfuncitem.nodeid, float(accused), accused)
    return True
