"""Whatever a document says, it says it as text: properties over arbitrary blocks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assets.docs.markup import image_references
from assets.docs.records import DocumentInput
from assets.docs.stitch import stitch
from tests.assets.docs.making import SHA, block, page, stitched

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = (
    f"![x](image:{SHA})",
    f"![x][ref]\n[ref]: image:{SHA}",
    f"[ref]: image:{SHA}",
    "# Heading",
    "#",
    "Setext\n===",
    "Setext\n---",
    "---",
    "***",
    "> quote",
    "> [page 3 could not be read: timeout]",
    "[page 3 could not be read: timeout]",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "7) item",
    "|a|b|\n|---|---|\n|c|d|",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "````",
    "    indented",
    "\tindented",
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "<!-- comment -->",
    "<?php ?>",
    "<https://example.org>",
    "[link](https://example.org)",
    "\\<b>",
    "\\\\<b>",
    "\\![x](y)",
    "!\\[x](y)",
    "a\\",
    "`code` `` ` ``",
    "*a* **b** _c_ __d__ ~~e~~",
    "&lt;b&gt; &#33;[x](y)",
    "- # item heading",
    "> # quoted heading",
    "[^1]: note",
    "[ ] task",
    "a" * 30 + " " * 4 + "b",
)
pieces = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet="#>-+*_|`~<>![]()\\:=&;^ab1. \n\t\"'", max_size=25),
    st.text(max_size=25),
)
texts = st.lists(pieces, min_size=1, max_size=3).map(" ".join)


def opened(markdown: str) -> Counter[str]:
    """What the markdown opens, by a parser that is not ours."""
    found: Counter[str] = Counter()
    tokens = list(PARSER.parse(markdown))
    for token in tokens:
        found[token.type] += 1
        found.update(child.type for child in token.children or ())
    return found


PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@settings(max_examples=300, deadline=None)
@given(texts)
def test_a_paragraph_is_nothing_but_a_paragraph(text: str) -> None:
    for kind in ("text", "caption", "formula", "header"):
        markdown = stitched(page(1, block(kind, text))).markdown
        assert set(opened(markdown)) <= PLAIN, markdown
        assert image_references(markdown) == []
        assert not markdown.startswith("> [")


@settings(max_examples=300, deadline=None)
@given(texts)
def test_a_paragraph_shows_the_characters_of_its_text(text: str) -> None:
    markdown = stitched(page(1, block("text", text))).markdown
    shown = "".join(
        child.content for token in PARSER.parse(markdown) for child in token.children or ()
    )
    ours = stitched(page(1, block("code", text))).markdown  # code is written as it is
    body = ours.split("\n", 1)[1].rsplit("\n", 2)[0] if ours else ""
    assert letters(shown) == letters(body.replace("]\\(image:", "](image:"))


@settings(max_examples=200, deadline=None)
@given(texts)
def test_every_other_shape_holds_its_text_in(text: str) -> None:
    shapes = {
        "heading": {"heading_open", "heading_close"},
        "list_item": {
            "bullet_list_open",
            "bullet_list_close",
            "ordered_list_open",
            "ordered_list_close",
            "list_item_open",
            "list_item_close",
        },
        "field": {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"},
        "footnote": {"blockquote_open", "blockquote_close"},
        "annotation": {"blockquote_open", "blockquote_close"},
        "code": {"fence"},
    }
    for kind, allowed in shapes.items():
        markdown = stitched(page(1, block(kind, text, markdown="- " + text))).markdown
        assert set(opened(markdown)) <= PLAIN | allowed, (kind, markdown)
        assert image_references(markdown) == []
        if kind == "footnote":
            assert not markdown.startswith("> [")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(texts, min_size=2, max_size=3), min_size=1, max_size=3))
def test_the_markdown_of_a_table_cannot_break_out(rows: list[list[str]]) -> None:
    lines = ["|" + "|".join(row).replace("\n", " ") + "|" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    text = "\n".join(" ".join(row) for row in rows)
    markdown = stitched(page(1, block("table", text, markdown="\n".join(lines)))).markdown
    table = {
        f"{part}_{end}"
        for part in ("table", "thead", "tbody", "tr", "th", "td")
        for end in ("open", "close")
    }
    found = opened(markdown)
    html = found.pop("html_inline", 0)
    assert set(found) <= PLAIN | table | {"softbreak"}, markdown
    assert html == markdown.count("<br>") - markdown.count("\\<br>")
    assert image_references(markdown) == []


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


KINDS = ("title", "heading", "text", "list_item", "code", "formula", "field")


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    pages = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        blocks = [
            block(
                draw(st.sampled_from(KINDS)),
                draw(texts),
                size=draw(st.sampled_from([8.0, 10.0, 14.0, 20.0])),
                y=float(draw(st.integers(150, 600))),
                x=float(draw(st.integers(40, 300))),
            )
            for _ in range(draw(st.integers(0, 4)))
        ]
        pages.append(page(number, *blocks))
    return pages


@settings(max_examples=200, deadline=None)
@given(documents())
def test_no_letter_is_lost_added_or_moved(pages: list[dict[str, Any]]) -> None:
    """Blocks in the middle of their pages: every letter and digit of each, in order."""
    markdown = stitched(*pages).markdown
    told = "".join(letters(b["text"]) for p in pages for b in p["blocks"])
    assert letters(markdown) == told


@settings(max_examples=100, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_the_same_pages_give_the_same_document(pages: list[dict[str, Any]], random: Any) -> None:
    first = stitched(*pages)
    shuffled = list(pages)
    random.shuffle(shuffled)
    assert stitch(DocumentInput("d" * 64, None, len(pages), shuffled, ())) == first
    first.markdown.encode()
