"""The page of known causes is the catalogue's."""

from __future__ import annotations

from pathlib import Path

from catalogue_table import known_table, with_table

from pytest_leakcheck.explain.catalogue import Known, entries

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"
REMAKE = "run: python docs/catalogue_table.py docs/catalogue.md"


def test_the_page_is_up_to_date() -> None:
    """Made anew, it is the same."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page, entries()) == page, REMAKE


def test_the_page_explains_every_field() -> None:
    """A field that users may write is in the table of fields."""
    page = PAGE.read_text(encoding="utf-8")
    assert [f for f in Known.__struct_fields__ if f"`{f}`" not in page] == []


def test_one_cause_with_two_patterns_is_one_row() -> None:
    """Entries that tell the same are told once; stars and bars are escaped."""
    one = Known(id="a", what="Keeps *args | all.", remedy="Drop.", holder=["x"])
    other = Known(id="a", what="Keeps *args | all.", remedy="Drop.", holder=["y"])
    old = Known(id="a", what="Old.", remedy="Drop.", package="p", version="<2", holder=["x"])
    assert known_table([one, other, old]).splitlines()[2:] == [
        "| a | Keeps \\*args \\| all. | Drop. |",
        "| a (p &lt;2) | Old. | Drop. |",
    ]
