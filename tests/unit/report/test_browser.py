"""The pages in a real browser: no error, no violation of the policy, and the table works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from browser import CHROMIUM, Browser
from test_html import hostile_text

from pytest_leakcheck.compare.comparison import compare_runs
from pytest_leakcheck.report import html

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of page."""
    made = tmp_path_factory.mktemp("pages")
    before = samples.chroma_run("before", tests=200, killed=True)
    after = samples.chroma_run("after", tests=200, leaking=frozenset({samples.CACHE.fingerprint}))
    html.write_report(*before, made / "run.html")
    html.write_compare(compare_runs([before, after]), made / "compare.html")
    html.write_report(*samples.chroma_run(tests=0), made / "empty.html")
    (made / "hostile.html").write_text(hostile_text(), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests here."""
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("page", ["run", "compare", "empty", "hostile"])
def test_a_page_runs_without_error_and_asks_for_nothing(
    page: str, folder: Path, browser: Browser
) -> None:
    """Ready, silent, and one request only: its own."""
    address = (folder / f"{page}.html").as_uri()
    seen = browser.visit(address, "document.documentElement.dataset.ready")
    assert seen.result == "yes"
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [address]


def test_what_the_policy_forbids_does_not_run(folder: Path, browser: Browser) -> None:
    """The test above can fail: a script, a style and a picture that are put in are refused."""
    script = """(async () => {
        const script = document.createElement("script");
        try { script.textContent = "window.ran = true"; } catch (error) { console.error(error); }
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
        await fetch("https://example.invalid/").catch(() => {});
        return Boolean(window.ran);
    })()"""
    seen = browser.visit((folder / "run.html").as_uri(), script)
    assert seen.result is False
    assert len(seen.complaints) >= 3


STATE = """({
    shown: document.getElementById("shown").textContent,
    rows: Number(document.getElementById("table").getAttribute("aria-rowcount")),
    made: document.querySelectorAll(".vt-body [role=row]").length,
    first: document.querySelector(".vt-body .id")?.title,
})"""


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("", 200),
        ("#q=test_77", 1),
        ("#v=leak", 52),
        ("#q=3f9c1a77b2e0&v=leak&s=-rss_bytes", 40),
        ("#v=not%20judged", 4),
        ("#q=nothing", 0),
    ],
)
def test_the_fragment_is_the_table_s_state(
    folder: Path, browser: Browser, fragment: str, shown: int
) -> None:
    """A view can be linked; rows are made for what is in view only."""
    seen = browser.visit(f"{(folder / 'run.html').as_uri()}{fragment}", STATE)
    assert seen.complaints == []
    assert seen.result["shown"] == f"{shown} of 200 tests"
    assert seen.result["rows"] == shown + 1
    assert seen.result["made"] == min(shown, seen.result["made"]) <= 60


def test_the_table_sorts_and_tells_a_row(folder: Path, browser: Browser) -> None:
    """Worst first at once; a click on a head turns it round; a row says why."""
    script = """(() => {
        const ids = [...document.querySelectorAll(".vt-body .id")].map((el) => el.title);
        const verdict = document.querySelectorAll(".vt-head button")[1];
        verdict.click();
        const first = document.querySelector(".vt-body [role=cell]").textContent;
        verdict.click();
        const last = document.querySelector(".vt-body [role=cell]").textContent;
        document.querySelector(".vt-body [role=row]").click();
        return { ids, first, last, told: document.getElementById("row").textContent,
                 hash: location.hash };
    })()"""
    result = browser.visit((folder / "run.html").as_uri(), script).result
    assert result["ids"][0] in [
        plan.nodeid
        for plan in samples.plans(200, frozenset(samples.CAUSES))
        if plan.fingerprint == samples.REGISTRY.fingerprint
    ]
    assert (result["first"], result["last"]) == ("clean", "unconfirmed")
    assert "grew by 52 objects once; the repeats disagree" in result["told"]
    assert result["hash"] == "#s=-verdict"


def test_keys_move_through_the_table_and_the_findings(folder: Path, browser: Browser) -> None:
    """End and Home in the table; j opens the way to a finding; none of them while typing."""
    script = """(() => {
        const press = (on, key) =>
            on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        const table = document.getElementById("table");
        press(table, "End");
        const at = document.querySelector("[aria-current]").getAttribute("aria-rowindex");
        press(document.getElementById("q"), "j");
        const typing = document.activeElement.className;
        press(document.body, "j");
        return { at, typing, finding: document.activeElement.id };
    })()"""
    result = browser.visit((folder / "run.html").as_uri(), script).result
    assert result["at"] == "201"
    assert "finding" not in result["typing"]
    assert result["finding"] == f"cause-{samples.REGISTRY.fingerprint}"
