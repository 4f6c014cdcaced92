"""HTML: the text a reader would see, cut at headings."""

from __future__ import annotations

from html.parser import HTMLParser

from rag.converters.text import collapse_blanks, tidy, title_from_source, unify_newlines
from rag.models import Document, Section

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_HIDDEN = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object"})
_BLOCKS = frozenset(
    "address article aside blockquote body dd details div dl dt fieldset figcaption figure "
    "footer form header hr html legend main nav ol p pre section summary table ul".split()
)
_META = frozenset({"author", "date", "description", "keywords"})


def convert_html(content: str, source: str) -> Document:
    """Convert HTML: scripts and styles dropped, one section per heading.

    Broken markup is read as far as a browser would: HTML has no invalid documents.
    """
    page = _Page()
    page.feed(unify_newlines(content).lstrip("\ufeff"))
    page.close()
    sections = page.finish()
    heading = next((s.heading for s in sections if s.level == 1), "")
    title = page.title or heading or title_from_source(source)
    return Document(source=source, title=title, sections=sections, metadata=page.metadata)


class _Page(HTMLParser):
    """Collects title, metadata and sections while the parser runs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.metadata: dict[str, str] = {}
        self._title: list[str] = []
        self._sections: list[Section] = []
        self._heading: list[str] = []
        self._level = 0
        self._body: list[str] = []
        self._hidden = 0
        self._in_title = False
        self._in_heading = ""
        self._pre: list[str] | None = None
        self._first_cell = True

    @property
    def title(self) -> str:
        """The text of `<title>`."""
        return collapse_blanks("".join(self._title).replace("\n", " "))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        values = {name: value or "" for name, value in attrs}
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "title" and not self._title:
            self._in_title = True
        elif tag in _HEADINGS:
            self._cut()
            self._in_heading, self._level = tag, _HEADINGS[tag]
        elif tag == "pre":
            self._write("\n\n")
            self._pre = []
        elif tag == "li":
            self._write("\n- ")
        elif tag == "tr":
            self._write("\n")
            self._first_cell = True
        elif tag in ("td", "th"):
            self._write("" if self._first_cell else " | ")
            self._first_cell = False
        elif tag in _BLOCKS:
            self._write("\n\n")
        self._handle_void(tag, values)

    def _handle_void(self, tag: str, values: dict[str, str]) -> None:
        """Read what an element says by its attributes alone."""
        if tag == "br":
            self._write("\n")
        elif tag == "img" and values.get("alt"):
            self._write(values["alt"])
        elif tag == "html" and values.get("lang"):
            self.metadata["lang"] = values["lang"]
        elif tag == "meta" and values.get("name", "").lower() in _META:
            self.metadata[values["name"].lower()] = collapse_blanks(values.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        """Close an element; a stray end tag does nothing."""
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "title":
            self._in_title = False
        elif tag == self._in_heading:
            self._in_heading = ""
        elif tag == "pre" and self._pre is not None:
            kept, self._pre = "".join(self._pre).strip("\n"), None
            self._body.append(kept.replace("\n", "\x00").replace(" ", "\x01"))
            self._write("\n\n")
        elif tag in _BLOCKS:
            self._write("\n\n")

    def handle_data(self, data: str) -> None:
        """Take text; line breaks in the source mean nothing outside `<pre>`."""
        if self._hidden:
            return
        if self._in_title:
            self._title.append(data)
        elif self._pre is not None:
            self._pre.append(data)
        else:
            self._write(data.replace("\n", " "))

    def finish(self) -> tuple[Section, ...]:
        """Close the last section and return all of them."""
        if self._pre is not None:
            self.handle_endtag("pre")
        self._cut()
        return tuple(self._sections)

    def _write(self, text: str) -> None:
        if self._hidden:
            return
        if self._in_heading:
            self._heading.append(text.replace("\n", " "))
        else:
            self._body.append(text)

    def _cut(self) -> None:
        """End the section that is open."""
        heading = collapse_blanks("".join(self._heading))
        text = tidy("".join(self._body)).replace("\x00", "\n").replace("\x01", " ")
        if heading or text:
            self._sections.append(Section(text=text, heading=heading, level=self._level))
        self._heading, self._body = [], []
        self._level, self._in_heading = 0, ""
