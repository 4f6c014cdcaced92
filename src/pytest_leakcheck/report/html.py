"""Pages: one self-contained file each, that works offline and under a strict policy.

The policy (CSP) in the page allows the page's own script and style by their hashes and nothing
else, so that no text from a test can run, and nothing is ever requested. The same run gives the
same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.words import count, plural, visible

if TYPE_CHECKING:
    from pytest_leakcheck.compare.comparison import Comparison


def write_report(run: Run, judged: JudgedRun, path: Path) -> Path:
    """Write the page of one run: O(tests).

    Raises:
        RunError: the file cannot be written.
    """
    return _write(path, render_report(run, judged, path.parent))


def write_compare(comparison: Comparison, path: Path) -> Path:
    """Write the page of a comparison: O(tests x runs).

    Raises:
        RunError: the file cannot be written.
    """
    return _write(path, render_compare(comparison))


def render_report(run: Run, judged: JudgedRun, folder: Path) -> str:
    """The page of one run as text; ``folder`` is where it will lie, for relative links."""
    from pytest_leakcheck.report.run_page import run_context

    return _render("run.html.j2", run_context(run, judged, folder))


def render_compare(comparison: Comparison) -> str:
    """The page of a comparison as text."""
    from pytest_leakcheck.report.compare_page import compare_context

    return _render("compare.html.j2", compare_context(comparison))


def _write(path: Path, page: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.encode("utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror or error}).") from None
    return path


def _render(template: str, context: dict[str, Any]) -> str:
    css, js = _asset("report.css"), _asset("report.js")
    page = _environment().get_template(template)
    return page.render(context, css=Markup(css), js=Markup(js), policy=policy(css, js))  # noqa: S704 - our own files


def policy(css: str, js: str) -> str:
    """The page's content security policy: this very style and script, and nothing else."""
    return (
        f"default-src 'none'; script-src '{_digest(js)}'; style-src '{_digest(css)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


@cache
def _asset(name: str) -> str:
    file = resources.files("pytest_leakcheck.report") / "assets" / name
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_leakcheck.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_safe,
    )
    environment.filters |= {"number": count, "plural": plural}
    return environment


def _safe(value: object) -> object:
    """What every text goes through on its way into a page, whoever forgot to."""
    return visible(value) if type(value) is str else value
