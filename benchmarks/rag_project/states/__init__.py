"""The project's three states; the environment variable `RAG_STATE` chooses one.

`before` is the project as its owner found it, `guide` has the fixes of a memory guide as
written, `after` has what releases. A state is how stores are closed (`store`), which
fixtures the suite gets (`fixtures`) and a `.coveragerc`; sources and tests are the same.
"""

import os
from importlib import import_module

NAMES = ("before", "guide", "after")
NAME = os.environ.get("RAG_STATE", "before")
if NAME not in NAMES:
    raise RuntimeError(f"RAG_STATE is {NAME!r}; it must be one of {', '.join(NAMES)}")

store = import_module(f"states.{NAME}.store")
fixtures = import_module(f"states.{NAME}.fixtures")

ChromaVectorStore = store.ChromaVectorStore
opened = store.opened
PatchingTestCase = fixtures.PatchingTestCase
