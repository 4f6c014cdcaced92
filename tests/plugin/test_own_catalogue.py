"""Known causes of the user's own: read before the tests, used where candidates are explained."""

from __future__ import annotations

from pathlib import Path

import pytest
import suites

from pytest_leakcheck.store.reader import load_run

SUITE = {
    "shop.py": """
        CARTS = []

        class Cart:
            pass
    """,
    "test_shop.py": """
        import shop

        def test_cart():
            shop.CARTS.append([shop.Cart() for _ in range(20)])

        def test_mock():
            shop.CARTS.append(shop.Cart())
    """,
}
OWN = """
[[cause]]
id = "shop-carts"
holder = ["shop.CARTS[*]"]
what = "The shop keeps every cart."
remedy = "Call shop.checkout() in teardown."
"""
INI = "[pytest]\nleakcheck_catalogue = known.toml more/known.toml\n"


@pytest.fixture(name="suite")
def _suite(tmp_path: Path) -> Path:
    """A suite that leaks what only its owner can know, and two files that say so."""
    suites.write(tmp_path, SUITE)
    (tmp_path / "more").mkdir()
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "known.toml").write_text(OWN)
    (tmp_path / "more" / "known.toml").write_text(OWN.replace("shop-carts", "never-first"))
    return tmp_path


def test_the_confirming_process_knows_what_the_user_knows(suite: Path) -> None:
    """The first file's entry is the one that is shown; settings name the files by the root."""
    result = suites.pytest_in(suite, "--leakcheck", "--leakcheck-label=run")
    assert result.status == 0, result.out
    run = load_run(suite / ".leakcheck" / "run")
    causes = [record.cause for found in run.causes.values() for record in found]
    assert {(c.known, c.remedy) for c in causes} == {
        ("shop-carts", "Call shop.checkout() in teardown.")
    }
    assert run.info.settings["catalogue"] == ["known.toml", str(Path("more", "known.toml"))]


@pytest.mark.parametrize("endless", [False, True])
def test_what_is_known_to_go_on_is_not_run_on(suite: Path, endless: bool) -> None:
    (suite / "known.toml").write_text(OWN + f"endless = {str(endless).lower()}\n")
    result = suites.pytest_in(suite, "--leakcheck", "--leakcheck-label=run")
    run = load_run(suite / ".leakcheck" / "run")
    phases = {record.phase for records in run.repeats.values() for record in records}
    assert ("window" in phases) is not endless
    assert {test.verdict for test in result.verdicts().values()} == {"leak"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("[[cause]\n", "Expected ']]' at the end of an array declaration"),
        ("x = 1\n", "it has x where [[cause]] should be"),
        ('[[cause]]\nid = "a"\n', "Object missing required field `what` - at `$[0]`"),
        (OWN + 'holdr = "x"\n', "Object contains unknown field `holdr` - at `$[0]`"),
        (OWN.replace('["shop.CARTS[*]"]', "3"), "Expected `array`, got `int` - at `$[0].holder`"),
        (OWN.replace("holder =", "kind = []\n#"), "cause 1 (shop-carts) fits every leak"),
        (OWN + 'version = "~=1"\npackage = "shop"\n', "'~=1', which is no range like >=1.5,<2"),
        (OWN + 'version = ">=1"\n', "has only one of package and version"),
        (OWN + "bounded = true\nendless = true\n", "is both bounded and endless"),
    ],
)
def test_a_damaged_file_is_one_sentence(suite: Path, content: str | None, told: str) -> None:
    """Which file, what is wrong, what to do; before any test has run."""
    (suite / "known.toml").unlink()
    if content is not None:
        (suite / "known.toml").write_text(content)
    result = suites.pytest_in(suite, "--leakcheck")
    assert result.status == int(pytest.ExitCode.USAGE_ERROR), result.out
    (sentence,) = [line for line in result.out.splitlines() if line.startswith("ERROR: ")]
    assert sentence.startswith("ERROR: leakcheck_catalogue: known.toml")
    assert told in sentence
    assert sentence.rstrip(".").endswith(("as docs/catalogue.md shows", "the path or remove it"))
    assert "Traceback" not in result.out
