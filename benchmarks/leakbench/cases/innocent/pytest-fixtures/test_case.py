"""pytest's own fixtures: folders, captured output, log records, patches, warnings."""

import logging
import warnings


def test_tmp_path(tmp_path):
    (tmp_path / "a.txt").write_text("x" * 10_000)


def test_tmp_path_factory(tmp_path_factory):
    (tmp_path_factory.mktemp("many") / "a.txt").write_text("x")


def test_capsys(capsys):
    print("x" * 100_000)
    assert capsys.readouterr().out


def test_capfd(capfd):
    print("x" * 1_000)
    assert capfd.readouterr().out


def test_prints():
    print("x" * 100_000)


def test_caplog(caplog):
    logging.getLogger("case").warning("event %s", [1, 2, 3])
    assert caplog.records


def test_logs_at_length():
    logging.getLogger("case").error("x" * 100_000)


def test_monkeypatch(monkeypatch):
    monkeypatch.setenv("CASE", "1")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    monkeypatch.syspath_prepend("/nowhere")


def test_recwarn(recwarn):
    warnings.warn("told", stacklevel=1)
    assert len(recwarn) == 1


def test_properties(record_property):
    record_property("rows", [1, 2, 3])
