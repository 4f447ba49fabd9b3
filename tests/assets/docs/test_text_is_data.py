"""Whatever a document says, it says it as text: properties over arbitrary blocks."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assets.docs.furniture import find_furniture
from assets.docs.markup import image_references
from assets.docs.records import DocumentInput, read_pages
from assets.docs.stitch import stitch
from tests.assets.docs.making import HEIGHT, SHA, block, page, stitched

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


PARTS = (
    "pump-",
    "sured",
    "well-",
    "known",
    "and so",
    "The end.",
    "Of",
    "\u00ad",
    "3",
    "日本",
    "ไทย",
)
BESIDE = ("caption", "footnote", "header", "footer", "picture", "annotation")


@st.composite
def crowded(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Pages with blocks of every kind anywhere, their texts halves of one another's sentences."""
    header = draw(st.sampled_from(["", "A Running Title"]))
    pages = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        blocks = [block("header", f"{header} {number}", y=20.0)] if header else []
        for at in range(draw(st.integers(0, 5))):
            words = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=12))
            kind = draw(st.sampled_from((*KINDS, *BESIDE)))
            size = draw(st.sampled_from([7.0, 10.0, 18.0]))
            y = float(draw(st.integers(10, 780)))
            x = draw(st.sampled_from([40.0, 90.0, 320.0]))
            text = draw(st.sampled_from([" ", "\n"])).join(words) + f" {number}q{at}"
            blocks.append(block(kind, text, size=size, x=x, y=y, width=200.0))
        pages.append(page(number, *blocks))
    return pages


@settings(max_examples=200, deadline=None)
@given(crowded())
def test_every_block_that_is_no_running_header_stands_whole(pages: list[dict[str, Any]]) -> None:
    """Its letters one after another; and together as many letters as the blocks have."""
    read = read_pages(pages, len(pages))
    left_out = find_furniture(read, {})
    kept = [b for p in read for b in p.blocks if (b.page, b.index) not in left_out]
    markdown = re.sub(
        r"^> \[comment on page \d+\]", "", stitched(*pages).markdown, flags=re.MULTILINE
    )
    shown = letters(markdown)
    for one in kept:
        assert letters(one.text) in shown, one
    assert Counter(shown) == Counter(letters("".join(b.text for b in kept)))
    for one in (b for p in read for b in p.blocks if (b.page, b.index) in left_out):
        assert one.y1 < 0.25 * HEIGHT or one.y0 > 0.75 * HEIGHT


@settings(max_examples=100, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_the_same_pages_give_the_same_document(pages: list[dict[str, Any]], random: Any) -> None:
    first = stitched(*pages)
    shuffled = list(pages)
    random.shuffle(shuffled)
    assert stitch(DocumentInput("d" * 64, None, len(pages), shuffled, ())) == first
    first.markdown.encode()
