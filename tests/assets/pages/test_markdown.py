"""Text is shown as it is: nothing turns into markdown by accident, no style breaks a word."""

import pytest

from assets.pages import markdown
from assets.pages.records import Block, Kind, Line, Span

BOX = (0.0, 0.0, 10.0, 10.0)


def line(*spans: Span | str) -> Line:
    return Line(BOX, tuple(Span(s) if isinstance(s, str) else s for s in spans), 10.0)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# not a heading", r"\# not a heading"),
        ("1. not a list", r"1\. not a list"),
        ("- nor this", r"\- nor this"),
        ("a *b* c", r"a \*b\* c"),
        ("snake_case stays", "snake_case stays"),
        ("an <img src=x> tag", r"an \<img src=x> tag"),
        ("![x](image:abc)", r"\![x\](image:abc)"),
        ("5 < 6 and [1]", "5 < 6 and [1]"),
    ],
)
def test_text_is_escaped_where_it_would_change_the_markdown(text: str, written: str) -> None:
    assert markdown.render("text", [line(text)]) == written


def test_only_a_first_item_interrupts_a_paragraph() -> None:
    assert markdown.render("text", [line("in"), line("2020. Then")]) == "in\n2020. Then"


def test_a_style_runs_on_over_the_end_of_a_line() -> None:
    lines = [line("see ", Span("Cym-", italic=True)), line(Span("bopogon", italic=True), " here")]
    assert markdown.render("text", lines) == "see *Cym-\nbopogon* here"


def test_signs_stay_outside_of_emphasis() -> None:
    assert markdown.render("text", [line(Span("Note:", bold=True), " yes")]) == "**Note**: yes"


@pytest.mark.parametrize(
    ("kind", "lines", "written"),
    [
        ("title", ["A", "title"], "# A title"),
        ("heading", ["1 Scope"], "## 1 Scope"),
        ("list_item", ["• first", "more"], "- first\n  more"),
        ("list_item", ["12. twelfth"], "12. twelfth"),
        ("code", ["def f():", "    return 1"], "```\ndef f():\n    return 1\n```"),
        ("code", ["```", "x"], "````\n```\nx\n````"),
        ("text", ["   "], ""),
    ],
)
def test_kinds(kind: Kind, lines: list[str], written: str) -> None:
    assert markdown.render(kind, [line(text) for text in lines]) == written


def test_a_table_is_square_and_its_bars_are_escaped() -> None:
    table = markdown.table([["a", "b|c"], ["1"]])
    assert table == "|a|b\\|c|\n|---|---|\n|1||"


def test_comments_are_no_part_of_the_page() -> None:
    blocks = [
        Block("text", BOX, "body", "body"),
        Block("picture", BOX),
        Block("annotation", BOX, "note", "> note"),
    ]
    assert markdown.page_text(blocks) == "body"
    assert markdown.page_markdown(blocks) == "body"
