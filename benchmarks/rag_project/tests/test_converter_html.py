"""HTML becomes the text a reader would see, cut at headings."""

import pytest

from rag.converters.html_page import convert_html

PHRASES = [
    pytest.param("plain words", "plain words", id="plain"),
    pytest.param("<b>bold</b> words", "bold words", id="b"),
    pytest.param("<strong>bold</strong> words", "bold words", id="strong"),
    pytest.param("<em>slanted</em> words", "slanted words", id="em"),
    pytest.param("<a href='x'>a link</a>", "a link", id="a"),
    pytest.param("<code>x = 1</code>", "x = 1", id="code"),
    pytest.param("H<sub>2</sub>O", "H2O", id="sub"),
    pytest.param("<span class=x>in <i>two</i></span>", "in two", id="nested"),
    pytest.param("fish &amp; chips", "fish & chips", id="amp"),
    pytest.param("1 &lt; 2 &gt; 0", "1 < 2 > 0", id="lt-gt"),
    pytest.param("&copy; &eacute; &#233; &#xe9;", "© é é é", id="entities"),
    pytest.param("non&nbsp;breaking", "non breaking", id="nbsp"),
    pytest.param("soft&shy;hyphen", "softhyphen", id="shy"),
    pytest.param("wide    gaps\n and\tlines", "wide gaps and lines", id="blanks"),
    pytest.param("<img src=x alt='a kite'> flies", "a kite flies", id="img"),
    pytest.param("<img src=x>flies", "flies", id="img-without-alt"),
    pytest.param("a<!-- hidden --> b", "a b", id="comment"),
    pytest.param("a<script>var x = '</p>';</script>b", "ab", id="script"),
    pytest.param("a<style>p { color: red }</style>b", "ab", id="style"),
    pytest.param("a<svg><text>no</text></svg>b", "ab", id="svg"),
    pytest.param("unclosed <b>bold", "unclosed bold", id="unclosed"),
    pytest.param("stray</i> end", "stray end", id="stray"),
    pytest.param("<unknown>tag</unknown>", "tag", id="unknown"),
    pytest.param("雪 &#x6c37;", "雪 氷", id="cjk"),
]

CONTAINERS = [
    pytest.param("{}", "{}", id="bare"),
    pytest.param("<p>{}</p>", "{}", id="p"),
    pytest.param("<div><div>{}</div></div>", "{}", id="div"),
    pytest.param("<ul><li>{}</li></ul>", "- {}", id="li"),
    pytest.param("<table><tr><td>{}</td><td>1</td></tr></table>", "{} | 1", id="td"),
    pytest.param("<blockquote>{}</blockquote>", "{}", id="blockquote"),
]

SKELETON = "<!DOCTYPE html><html><head><title>T</title></head><body>{}</body></html>"


@pytest.mark.parametrize(("html", "expected"), CONTAINERS)
@pytest.mark.parametrize(("phrase", "seen"), PHRASES)
def test_phrases_read_the_same_in_every_container(
    phrase: str, seen: str, html: str, expected: str
) -> None:
    """Inline elements leave their words, wherever they are."""
    (section,) = convert_html(SKELETON.format(html.format(phrase)), "a.html").sections

    assert section.text == expected.format(seen)


@pytest.mark.parametrize("level", range(1, 7))
@pytest.mark.parametrize(("phrase", "seen"), PHRASES[:5])
def test_headings_cut_sections(phrase: str, seen: str, level: int) -> None:
    """Each heading begins a section of its level."""
    html = f"<p>intro</p><h{level} id=x>{phrase}</h{level}><p>body</p>"
    intro, section = convert_html(html, "a.html").sections

    assert intro.text == "intro"
    assert (section.heading, section.level, section.text) == (seen, level, "body")


@pytest.mark.parametrize(
    "tag",
    [
        "address", "article", "aside", "blockquote", "details", "div", "dl", "fieldset", "figure",
        "footer", "form", "header", "main", "nav", "ol", "p", "section", "table", "ul",
    ],
)  # fmt: skip
def test_block_elements_separate_paragraphs(tag: str) -> None:
    """Words of different blocks never run together."""
    (section,) = convert_html(f"one<{tag}>two</{tag}>three", "a.html").sections

    assert section.text == "one\n\ntwo\n\nthree"


@pytest.mark.parametrize(
    "tag", ["abbr", "b", "cite", "i", "kbd", "mark", "q", "small", "span", "u"]
)
def test_inline_elements_do_not_break_words(tag: str) -> None:
    """An inline element inside a word leaves the word whole."""
    (section,) = convert_html(f"un<{tag}>believ</{tag}>able", "a.html").sections

    assert section.text == "unbelievable"


@pytest.mark.parametrize(
    "tag", ["script", "style", "noscript", "template", "svg", "iframe", "object"]
)
@pytest.mark.parametrize("place", ["before", "after", "inside"])
def test_hidden_elements_leave_nothing(tag: str, place: str) -> None:
    """What a browser does not show is not indexed."""
    hidden = f"<{tag}>secret</{tag}>"
    html = {
        "before": f"{hidden}<p>shown</p>",
        "after": f"<p>shown</p>{hidden}",
        "inside": f"<p>sho{hidden}wn</p>",
    }[place]

    assert [s.text for s in convert_html(html, "a.html").sections] == ["shown"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<br>b", "a\nb"),
        ("a<br/>b<br />c", "a\nb\nc"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<ol><li>a</li><li>b</li></ol>", "- a\n- b"),
        ("<tr><th>k</th><th>v</th></tr><tr><td>1</td><td>2</td></tr>", "k | v\n1 | 2"),
        ("<table><tr><td></td><td>2</td></tr></table>", "| 2"),
        ("<dl><dt>term</dt><dd>meaning</dd></dl>", "term\n\nmeaning"),
        ("<p>a</p>\n\n\n\n<p>b</p>", "a\n\nb"),
        ("<pre>x = 1\n  y = 2</pre>", "x = 1\n  y = 2"),
        ("<pre>\n\nfirst</pre>then", "first\n\nthen"),
        ("a<hr>b", "a\n\nb"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("<pre>never closed", "never closed"),
        ("<figure><img alt='kite'><figcaption>red</figcaption></figure>", "kite\n\nred"),
    ],
)
def test_layout_survives_as_lines(html: str, text: str) -> None:
    """Breaks, lists, tables and preformatted text keep their lines."""
    (section,) = convert_html(html, "a.html").sections

    assert section.text == text


@pytest.mark.parametrize("name", ["author", "date", "description", "keywords"])
@pytest.mark.parametrize(
    ("content", "value"),
    [("plain", "plain"), ("  two  words ", "two words"), ("a &amp; b", "a & b"), ("", "")],
)
def test_meta_elements_become_metadata(name: str, content: str, value: str) -> None:
    """The page's own description of itself is kept, whatever the case of its name."""
    html = f"<head><META NAME={name.upper()} content='{content}'></head><p>x"

    assert convert_html(html, "a.html").metadata == {name: value}


@pytest.mark.parametrize("name", ["viewport", "robots", "generator", ""])
def test_other_meta_elements_are_ignored(name: str) -> None:
    """Meta elements for machines are no metadata."""
    assert convert_html(f"<meta name='{name}' content='x'>", "a.html").metadata == {}


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Page</title><h1>Heading</h1>", "Page"),
        ("<title> Two\n lines </title>", "Two lines"),
        ("<title>First</title><title>Second</title>", "First"),
        ("<title></title><h1>Heading</h1>", "Heading"),
        ("<h2>Two</h2><h1>One</h1>", "One"),
        ("<h2>Only two</h2>", "About us"),
        ("<title>fish &amp; chips</title>", "fish & chips"),
        ("", "About us"),
    ],
)
def test_title_comes_from_the_best_place(html: str, title: str) -> None:
    """The title element wins over the first h1, that over the address."""
    assert convert_html(html, "https://example.org/about-us.html?x=1#top").title == title


@pytest.mark.parametrize(
    "html", ["", "   \n", "<html></html>", "<script>x</script>", "<p></p><h1> </h1>", "<!-- x -->"]
)
def test_pages_without_words_are_empty(html: str) -> None:
    """A page without visible text has no sections."""
    assert convert_html(html, "a.html").is_empty


def test_language_is_metadata() -> None:
    """The language of the page is kept."""
    assert convert_html("<html lang=de><p>Hallo", "a.html").metadata == {"lang": "de"}
