"""The real chromadb: the leak that this tool was first made for."""

from __future__ import annotations

import contextlib
import gc
from importlib import metadata
from pathlib import Path

import pytest

from pytest_leakcheck.explain.causes import explain_survivors

HOLDER = "chromadb.api.shared_system_client.SharedSystemClient._identifier_to_system[*]"


@pytest.mark.chroma
def test_a_client_that_was_dropped_leaves_its_system(tmp_path: Path) -> None:
    chromadb = pytest.importorskip("chromadb")
    from chromadb.config import Settings

    def use(name: str) -> None:
        settings = Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(path=str(tmp_path / name), settings=settings)
        collection = client.create_collection("docs", embedding_function=None)
        collection.add(ids=["1"], embeddings=[[0.0] * 8])

    use("warm-up")
    gc.collect()
    gc.freeze()
    try:
        use("measured")
        gc.collect()
        survivors = gc.get_objects()
    finally:
        gc.unfreeze()
    versions = {"chromadb": metadata.version("chromadb")}
    causes = explain_survivors(survivors, versions=versions)
    found = [c for c in causes if c.holder == HOLDER]
    remedies = {
        version: [
            c.remedy
            for c in explain_survivors(survivors, versions=told)
            if c.known == "chroma-system-registry"
        ]
        for version, told in (("1.5.1", {"chromadb": "1.5.1"}), ("not known", {}))
    }
    for client in list(chromadb.api.client.SharedSystemClient._identifier_to_system.values()):
        with contextlib.suppress(Exception):
            client.stop()
    chromadb.api.client.SharedSystemClient.clear_system_cache()
    assert [c.head for c in found] == ["chromadb.config.System"], [c.holder for c in causes]
    assert found[0].known == "chroma-system-registry"
    assert "client.close()" in found[0].remedy
    assert [r.startswith("Call client._system.stop()") for r in remedies["1.5.1"]] == [True]
    assert [r.startswith("From chromadb 1.5.2 on") for r in remedies["not known"]] == [True]
    assert found[0].per_run == 1
    assert found[0].extension
    assert found[0].steps[-1].suspect
