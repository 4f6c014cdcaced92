"""A context variable set and reset, and contexts copied and dropped."""

import contextvars

REQUEST: contextvars.ContextVar[list[int]] = contextvars.ContextVar("request")


def test_set_and_reset():
    token = REQUEST.set(list(range(1_000)))
    assert len(REQUEST.get()) == 1_000
    REQUEST.reset(token)


def test_copied_context():
    context = contextvars.copy_context()
    context.run(REQUEST.set, list(range(1_000)))
    assert REQUEST not in contextvars.copy_context()
