"""What holds it: our answer beside objgraph's, which finds its chains in another way."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

import objgraph
import pytest

from pytest_leakcheck.explain.causes import explain_survivors


class Session:
    """What a registry keeps."""


@pytest.fixture(name="shop")
def _shop() -> Iterator[types.ModuleType]:
    """A module that other code imports."""
    module = types.ModuleType("shop_of_test_agreement")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def _in_a_module_dict(module: Any, session: Session) -> None:
    module.SESSIONS = {"one": session}


def _in_a_class_list(module: Any, session: Session) -> None:
    registry = type("Registry", (), {"__module__": module.__name__, "kept": [session]})
    module.Registry = registry


def _in_a_default(module: Any, session: Session) -> None:
    def handler(kept: list[Session] = [session]) -> list[Session]:  # noqa: B006 - that is the leak
        return kept

    handler.__module__, handler.__qualname__ = module.__name__, "handler"
    module.handler = handler


@pytest.mark.parametrize("keep", [_in_a_module_dict, _in_a_class_list, _in_a_default])
def test_both_end_at_the_same_module(shop: types.ModuleType, keep: Any) -> None:
    """objgraph's chain begins at the module, and passes the container, that our holder names."""
    keep(shop, Session())
    session = next(o for o in gc.get_objects() if type(o) is Session)
    chain = objgraph.find_backref_chain(session, objgraph.is_proper_module)
    (cause,) = explain_survivors([session])
    assert chain[0] is shop
    assert cause.holder.startswith(f"{shop.__name__}.")
    assert cause.holder.endswith("[*]")
    assert cause.head.endswith(".Session")
    assert type(chain[-2]).__name__ == cause.steps[-2].type
