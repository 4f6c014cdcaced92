"""The pages: what is on them, that nothing can run in them, and how large they get."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
import samples
from test_island import decode, values

from pytest_leakcheck.compare.comparison import compare_runs
from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.report import html
from pytest_leakcheck.report.findings import findings

ASSETS = Path(html.__file__).parent / "assets"
HOSTILE = [
    "t.py::test[</script><script>alert(1)</script>]",
    "t.py::test['\"><img src=x onerror=alert(1)>]",
    "t.py::test[\u202egnp.exe\u2066]",
    "t.py::test[\x00\x1b[31m]",
    "t.py::test[" + "x" * 10_000 + "]",
    "t.py::test[{{ 7*7 }}{% raw %}]",
    "t.py::test[\ud800]",
    "t.py::test[<!-- ]]>]",
    "/home/alice/t.py::test",
]


class Page(HTMLParser):
    """A page, taken apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inlined: dict[str, list[str]] = {"script": [], "style": []}
        self.shown: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "br", "path", "rect", "circle", "polyline"):
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag in self.inlined and not attributes.get("id"):
            self.inlined[tag].append(data)
        elif tag not in self.inlined:
            self.shown.append(data)

    @property
    def text(self) -> str:
        """All text that a reader without a script sees."""
        return " ".join(" ".join(self.shown).split())

    def attribute(self, tag: str, name: str) -> list[str]:
        """The values of one attribute of all elements of one kind."""
        return [value for t, found in self.tags if t == tag and (value := found.get(name))]


def island(text: str) -> list[dict[str, object]]:
    """The table of all tests of a page."""
    found = re.search(r'id="data-tests">([^<]*)<', text)
    assert found
    return decode(found[1])


@pytest.fixture(scope="module")
def sample() -> tuple[Run, JudgedRun]:
    """A run with everything in it."""
    return samples.chroma_run(tests=120, killed=True)


@pytest.fixture(scope="module")
def run_text(sample: tuple[Run, JudgedRun]) -> str:
    """Its page."""
    return html.render_report(*sample, Path("reports"))


@pytest.fixture(scope="module")
def compare_text() -> str:
    """The page of three states, the last with another chromadb."""
    run, judged = samples.chroma_run(
        "real", tests=120, leaking=frozenset({samples.CACHE.fingerprint})
    )
    info = samples.info("real", packages={"chromadb": "1.5.9", "pytest": "9.2.0", "numpy": "2.4.6"})
    return html.render_compare(
        compare_runs(
            [
                samples.chroma_run("before", tests=120),
                samples.chroma_run("guide", tests=120),
                (run, msgspec.structs.replace(judged, info=info)),
            ]
        )
    )


@pytest.fixture(params=["run", "compare", "hostile"])
def any_text(request: pytest.FixtureRequest) -> str:
    """Each page in turn, one of them full of hostile names."""
    if request.param == "hostile":
        return hostile_text()
    text: str = request.getfixturevalue(f"{request.param}_text")
    return text


def hostile_text() -> str:
    """The page of a run whose tests are called anything."""
    run, judged = samples.chroma_run(tests=40)
    worst = [t.nodeid for t in judged.tests if t.verdict != "clean"]
    worst += [t.nodeid for t in judged.tests if t.verdict == "clean"]
    names = dict(zip(worst, HOSTILE, strict=False))
    hostile = msgspec.structs.replace(
        samples.renamed(judged, names),
        info=samples.info('</title><script>"', environment={"X": "<b>&\"'"}),
    )
    cause = msgspec.structs.replace(
        judged.causes[0].cause, holder="</h3><script>", link="javascript:alert(1)"
    )
    first = msgspec.structs.replace(hostile.causes[0], cause=cause)
    return html.render_report(
        run, msgspec.structs.replace(hostile, causes=[first, *hostile.causes[1:]]), Path("reports")
    )


def test_nothing_inline_and_nothing_external(any_text: str) -> None:
    """No style attribute, no handler, no address that is loaded."""
    page = Page(any_text)
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "srcset" not in attributes
        assert "src" not in attributes, tag
        assert tag not in ("iframe", "object", "embed", "base", "img")
    assert page.attribute("link", "href") == ["data:,"]
    for link in page.attribute("a", "href"):
        assert link.startswith(("#", "https://", "http://", "../"))


def test_the_policy_allows_this_very_script_and_style(any_text: str) -> None:
    """The hashes are those of the text that stands in the page, and there is one of each."""
    page = Page(any_text)
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert policy
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inlined,) = page.inlined[tag]
        digest = base64.b64encode(hashlib.sha256(inlined.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_hostile_names_stay_text() -> None:
    """Every name is in the table, escaped where it could do harm, and home is hidden."""
    text = hostile_text()
    page = Page(text)
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2
    names = values(island(text)[0])
    assert "t.py::test[</script><script>alert(1)</script>]" in names
    assert "t.py::test[\\u202egnp.exe\\u2066]" in names
    assert "t.py::test[\\x00\\x1b[31m]" in names
    assert "t.py::test[\\ud800]" in names
    assert "~/t.py::test" in names
    assert max(map(len, names)) == 10_000 + len("t.py::test[]")
    assert "t.py::test[{{ 7*7 }}{% raw %}]" in page.text
    assert "\x00" not in text
    assert "alice" not in text
    assert 'href="javascript' not in text


def test_the_title_is_the_verdict(run_text: str) -> None:
    """One sentence, the same in the window's title."""
    found = re.search(r"<title>(.*?)</title>", run_text)
    assert found
    assert found[1].startswith("4 causes leak in 31 of 120 tests; the worst by 5.3 MiB C heap")
    assert f"<h1>{found[1]}</h1>" in run_text


@pytest.mark.parametrize(
    "told",
    [
        "keeps 1 more chromadb.config.System after each run",
        "5.3 MiB C heap, 12 file descriptors, 6.5 threads, 18 objects per run, 24 tests",
        "+5.2 MiB to +5.4 MiB",
        "grew by 5.3 MiB C heap per run in 12 of 12 runs",
        "+5.2 MiB, +5.3 MiB, +5.4 MiB",
        "may be at fault",
        "stuck: born in the test, alive after it",
        "Known cause chroma-system-registry.",
        "Call client.close() (chromadb 1.5.2 or newer)",
        "._instances['RustBindingsAPI'].bindings builtins.Bindings, 1.4 KiB",
        "~/project/src/rag/store.py:41 ChromaVectorStore.__init__: 6.1 KiB in 52 allocations",
        "rust_sysdb::sqlite::SqliteSysDb::new (native)",
        "nothing in Python holds this memory.",
        "Worker gw1 was cut off. It was running tests/store/test_big.py::test_killed",
        "its memory was then 9.0 GiB.",
        "journal-gw1.jsonl is damaged. 1 line could not be read and was left out.",
        "memray was running already, so no stacks were taken.",
        "and back to the first",
        "3 tests not measured: the test failed",
        "store in tests/store/conftest.py",
        "unexplained +1.0 MiB +1.0 MiB 0",
        "not seen: tracemalloc runs with --leakcheck-depth=full",
        "repeated in a process of its own: grows on every one of 12 repeats",
    ],
)
def test_a_reader_without_a_script_is_told(run_text: str, told: str) -> None:
    """Every part of the account stands in the page as text."""
    assert told in Page(run_text).text


def test_a_reader_without_a_script_sees_every_test_that_is_not_clean(
    sample: tuple[Run, JudgedRun], run_text: str
) -> None:
    """The static table names them."""
    for test in sample[1].tests:
        if test.verdict in ("leak", "late", "unconfirmed", "not judged"):
            assert test.nodeid in Page(run_text).text


def test_the_table_holds_every_test(sample: tuple[Run, JudgedRun], run_text: str) -> None:
    """The island has what the tables say."""
    table = {column["key"]: values(column) for column in island(run_text)}
    tests = sample[1].tests
    assert table["test"] == [test.nodeid for test in tests]
    assert table["verdict"] == [test.verdict for test in tests]
    assert table["heap_bytes"] == [round(test.slopes["heap_bytes"].per_run) for test in tests]
    assert table["reason"] == [test.reason for test in tests]
    assert "python_bytes" not in table  # no test shows it


def test_the_command_and_the_flame_graph_are_there(run_text: str) -> None:
    """What to run next, and a relative link beside the run."""
    page = Page(run_text)
    assert "pytest --leakcheck 'tests/" in page.text
    assert "../.leakcheck/before/captures/one%20test.html" in page.attribute("a", "href")


def test_what_stays_open_is_told_with_its_place(run_text: str) -> None:
    """Kind, number and line; the stack opens on demand."""
    text = " ".join(Page(run_text).text.split())
    assert "9 file chroma.sqlite3 per run: rag/store.py:41 ChromaVectorStore.__init__" in text
    assert "rust.Bindings (compiled code)" in text
    assert "6.5 thread tokio per run: opened where it could not be seen" in text


def test_ids_are_unique_and_links_lead_somewhere(any_text: str) -> None:
    """Every anchor that is linked to exists once."""
    page = Page(any_text)
    ids = [found["id"] for _, found in page.tags if found.get("id")]
    assert len(ids) == len(set(ids))
    inner = [link[1:] for link in page.attribute("a", "href") if link.startswith("#")]
    assert {link for link in inner if not re.match("[qvs]=", link)} <= set(ids)


def test_the_comparison_says_what_changed(compare_text: str) -> None:
    """Sentence, environment, causes and workers."""
    text = Page(compare_text).text
    assert (
        "4 causes unchanged between before and guide; "
        "3 causes fixed, 1 unchanged between before and real" in text
    )
    assert "The runs differ in more than the code measured: package chromadb" in text
    assert "<strong>1.5.9</strong>" in compare_text
    assert "none of 24 tests shows it in the later run" in text
    assert "All workers together = that, times the number of workers" in text


def test_the_comparison_s_table_groups_columns_by_state(compare_text: str) -> None:
    """Each state has its own verdict and growth."""
    table = island(compare_text)
    groups = list(dict.fromkeys(column["group"] for column in table))
    assert groups == ["", "change", "before", "guide", "real"]
    marks = values(next(column for column in table if column["key"] == "mark"))
    assert set(marks) == {"fixed", "same", "not comparable"}


def test_the_same_run_gives_the_same_bytes(sample: tuple[Run, JudgedRun], run_text: str) -> None:
    """No clock, no order of a set."""
    assert html.render_report(*sample, Path("reports")) == run_text


def test_a_leak_without_a_cause_is_a_finding_of_its_own() -> None:
    """Nothing that leaks is left out because nobody knows why."""
    run, judged = samples.chroma_run(tests=12)
    text = html.render_report(run, msgspec.structs.replace(judged, causes=[]), Path())
    leaks = [test.nodeid for test in judged.tests if test.verdict == "leak"]
    assert text.count("A leak whose cause was not found") == len(leaks)


def test_a_cause_that_wider_fixtures_let_go_is_not_called_a_leak() -> None:
    """It stands last, and the table says what it is."""
    run, judged = samples.chroma_run(tests=60)
    first = judged.causes[0]
    tests = [
        msgspec.structs.replace(test, verdict="held") if test.nodeid in first.witnesses else test
        for test in judged.tests
    ]
    found = findings(run, msgspec.structs.replace(judged, tests=tests), Path())
    by_verdict = [finding.verdict for finding in found if finding.cause]
    assert by_verdict == ["leak"] * (len(judged.causes) - 1) + ["held"]
    page = html.render_report(run, msgspec.structs.replace(judged, tests=tests), Path())
    article = page.partition(f'id="cause-{first.cause.fingerprint}"')[2].partition("</header>")[0]
    assert "is-held" in article
    assert "is-leak" not in article
    assert page.count("a wider fixture lets it go") == 1


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    """At most 300 articles."""
    run, judged = samples.chroma_run(tests=1500)
    text = html.render_report(run, msgspec.structs.replace(judged, causes=[]), Path())
    leaks = sum(test.verdict == "leak" for test in judged.tests)
    assert text.count('<article class="finding"') == 300
    assert f"{leaks - 300} more leaks without a cause" in text


def test_an_empty_run_has_a_page() -> None:
    """Nothing measured is said, not shown as success."""
    run, judged = samples.chroma_run(tests=0)
    assert "<h1>No test was measured</h1>" in html.render_report(run, judged, Path())


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "reports").write_text("")
    run, judged = samples.chroma_run(tests=2)
    with pytest.raises(RunError, match="cannot be written"):
        html.write_report(run, judged, tmp_path / "reports" / "a.html")


def test_the_assets_keep_to_their_budget() -> None:
    """15 KB of script and 8 KB of style, plain text."""
    script, style = (ASSETS / "report.js").read_bytes(), (ASSETS / "report.css").read_bytes()
    assert len(script) <= 15 * 1024
    assert len(style) <= 8 * 1024
    assert b"</" not in script + style
    assert b"innerHTML" not in script
    assert b"http" not in script + style


@pytest.mark.parametrize(
    ("tests", "most_kib"), [(0, 40), (1000, 200), (2111, 300)], ids=["empty", "1000", "2111"]
)
def test_pages_stay_small(tests: int, most_kib: int) -> None:
    """The size of a page is pinned."""
    run, judged = samples.chroma_run(tests=tests)
    assert len(html.render_report(run, judged, Path()).encode()) <= most_kib * 1024


def test_a_hundred_thousand_tests_fit_a_page() -> None:
    """In bytes; the time is measured generously, for slow machines."""
    run, judged = samples.chroma_run(tests=100_000)
    begun = time.perf_counter()
    text = html.render_report(run, judged, Path())
    assert time.perf_counter() - begun < 20
    assert len(text.encode()) < 2.6 * 1024 * 1024
