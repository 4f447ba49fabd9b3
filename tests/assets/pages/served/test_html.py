"""HTML of a model becomes text and markdown of blocks; nothing of its tags comes through."""

from __future__ import annotations

import time
from typing import Any

import pytest

from assets.pages.records import Block
from assets.pages.served.asks import Ask
from assets.pages.served.blocks import result_of
from assets.pages.served.html import pieces_of

PAGE = (0.0, 0.0, 600.0, 800.0)


def answer(label: str, html: str, box: tuple[float, ...] = (0.1, 0.1, 0.9, 0.3)) -> dict[str, Any]:
    ask = Ask(PAGE, 0, 1600, 2133, 1, has_letters=True)
    block = {"label": label, "html": html, "box": box, "confidence": 0.9}
    return {
        "ask": ask.as_record(),
        "is_empty": False,
        "error_class": None,
        "error": None,
        "blocks": [block],
    }


def blocks(label: str, html: str) -> list[Block]:
    return list(result_of(answer(label, html)).blocks)


@pytest.mark.parametrize(
    ("label", "html", "kind", "text", "written"),
    [
        ("Text", "<p>Plain &amp; simple.</p>", "text", "Plain & simple.", "Plain & simple."),
        ("Text", "A <b>bold</b> word", "text", "A bold word", "A **bold** word"),
        ("Text", "10<sup>6</sup> and <i>so</i>", "text", "10⁶ and so", "10<sup>6</sup> and *so*"),
        ("Text", "one<br>two", "text", "one\ntwo", "one\ntwo"),
        ("Text", "<math>x_1</math> is", "text", "$x_1$ is", "$`x_1`$ is"),
        ("Text", "no *stars* <3", "text", "no *stars* <3", "no \\*stars\\* <3"),
        ("SectionHeader", "<h2><b>Methods</b></h2>", "heading", "Methods", "## Methods"),
        ("Caption", "<p>Fig. 1</p>", "caption", "Fig. 1", "Fig. 1"),
        ("Footnote", "<sup>1</sup> See there.", "footnote", "¹ See there.", None),
        ("PageHeader", "Journal", "header", "Journal", "Journal"),
        ("PageFooter", "17", "footer", "17", "17"),
        ("Code", "<pre>if x:\n    y</pre>", "code", "if x:\n    y", "```\nif x:\n    y\n```"),
        (
            "Equation",
            '<math display="block">\\frac{a}{b}</math>',
            "formula",
            "\\frac{a}{b}",
            "$$\n\\frac{a}{b}\n$$",
        ),
        ("Novelty", "<p>Kept.</p>", "text", "Kept.", "Kept."),
    ],
)
def test_a_label_becomes_a_kind(
    label: str, html: str, kind: str, text: str, written: str | None
) -> None:
    (block,) = blocks(label, html)
    assert (block.kind, block.text) == (kind, text)
    if written is not None:
        assert block.markdown == written


def test_items_of_lists_are_blocks_one_under_another() -> None:
    found = blocks("ListGroup", "<ul><li>First</li><li><p>Second</p><ul><li>Deeper</li></ul></ul>")
    assert [(b.kind, b.text) for b in found] == [
        ("list_item", "First"),
        ("list_item", "Second"),
        ("list_item", "Deeper"),
    ]
    assert found[0].markdown == "- First"
    assert found[0].box[3] == pytest.approx(found[1].box[1])
    (one, two) = blocks("ListGroup", "<ol><li>One</li><li>Two</li></ol>")
    assert (one.markdown, two.text) == ("1. One", "2. Two")


def test_a_table_keeps_its_columns_where_cells_span() -> None:
    html = (
        "<table><thead><tr><th colspan=2>Both</th><th>C</th></tr></thead>"
        "<tr><td rowspan=2>a</td><td>b|c</td><td>1<br>2</td></tr>"
        "<tr><td>d</td><td>e</td></tr></table>"
    )
    (block,) = blocks("Table", html)
    assert block.kind == "table"
    assert block.markdown.splitlines() == [
        "|Both||C|",
        "|---|---|---|",
        "|a|b\\|c|1<br>2|",
        "||d|e|",
    ]


def test_a_picture_says_nothing_and_has_its_box() -> None:
    (block,) = blocks("Picture", "<p>invented</p>")
    assert (block.kind, block.text) == ("picture", "")


@pytest.mark.parametrize(
    "html",
    [
        "<p>words<script>alert(1)</script></p>",
        "<p onclick='x()'>words</p><style>p{}</style>",
        "<a href='javascript:x'>words</a>",
        "<img src=x onerror=alert(1)>words",
        "<iframe src=//evil></iframe>words",
    ],
)
def test_no_tag_or_attribute_comes_through(html: str) -> None:
    written = "".join(block.markdown for block in blocks("Text", html))
    assert written == "words"


def test_text_that_looks_like_tags_is_escaped() -> None:
    (block,) = blocks("Text", "&lt;script&gt;alert(1)&lt;/script&gt; ![x](http://evil)")
    assert block.markdown.startswith("\\<script>")
    assert "!\\[" in block.markdown or "\\![" in block.markdown


@pytest.mark.parametrize(
    "html",
    [
        "<table>" + "<tr>" * 30_000,
        "<table><tr>" + "<td>x" * 30_000,
        "<table><tr><td colspan=99999 rowspan=99999>x",
        "<div>" * 30_000 + "x",
        "<ul>" * 10_000 + "<li>x",
        "</td></table></li></ul></ol>x",
        "<b><i></b></i>x<sup>",
        "&#x110000; &#0; x",
    ],
)
def test_html_without_end_is_read_in_a_moment(html: str) -> None:
    started = time.monotonic()
    pieces_of(html)
    blocks("Text", html)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_boxes_are_of_the_page_as_shown(degrees: int) -> None:
    told = answer("Text", "words", (0.0, 0.0, 0.5, 0.1))
    told["ask"]["degrees"] = degrees
    told["ask"]["region"] = [100.0, 50.0, 500.0, 650.0]
    (block,) = result_of(told).blocks
    expected = {
        0: (100, 50, 300, 110),
        90: (100, 350, 140, 650),
        180: (300, 590, 500, 650),
        270: (460, 50, 500, 350),
    }
    assert block.box == pytest.approx(expected[degrees])


def test_few_letters_for_the_lines_that_stand_there_are_a_problem() -> None:
    told = answer("Text", "abc")
    told["ask"]["n_lines"] = 20
    assert "20 lines" in str(result_of(told).problem)
    told["ask"]["n_lines"] = 1
    assert result_of(told).problem is None
