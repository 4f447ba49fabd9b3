"""Levels come from the whole document, never from a page."""

from __future__ import annotations

import pytest

from tests.assets.docs.making import block, page, stitched


def lines(markdown: str) -> list[str]:
    return [line for line in markdown.split("\n") if line.startswith("#")]


def test_sizes_of_all_pages_decide() -> None:
    record = stitched(
        page(1, block("title", "Pumps", size=24.0), block("text", "Text.")),
        page(2, block("heading", "Small", size=12.0), block("text", "Text.")),
        page(3, block("heading", "Large", size=16.0), block("heading", "Small again", size=12.2)),
    )
    assert lines(record.markdown) == ["# Pumps", "### Small", "## Large", "### Small again"]
    assert record.title == "Pumps"


def test_numbers_refine_headings_of_one_size() -> None:
    record = stitched(
        page(
            1,
            block("text", "Words before any heading stand here."),
            block("heading", "1 Start", size=12.0),
            block("heading", "1.1 Aim", size=12.0),
            block("heading", "1.1.1 Detail", size=12.0),
            block("heading", "References", size=12.0),
        )
    )
    expected = ["# 1 Start", "## 1.1 Aim", "### 1.1.1 Detail", "# References"]
    assert lines(record.markdown) == expected


def test_the_largest_heading_of_the_first_pages_is_the_title() -> None:
    record = stitched(
        page(
            1,
            block("heading", "RESEARCH ARTICLE", size=8.0),
            block("heading", "Growth of\nwheat", size=18.0),
            block("heading", "Abstract", size=12.0),
        ),
        page(2, block("heading", "Methods", size=12.0)),
    )
    assert record.title == "Growth of wheat"
    assert "# Growth of wheat\n" in record.markdown
    assert "\n## Abstract\n" in record.markdown
    assert "\n## Methods\n" in record.markdown


def test_levels_stop_at_six() -> None:
    blocks = [block("heading", f"Level {'abcdefghi'[n]}", size=40.0 - 4 * n) for n in range(9)]
    deepest = lines(stitched(page(1, *blocks), page(2, *blocks[1:])).markdown)[8]
    assert deepest.startswith("###### ")


@pytest.mark.parametrize(
    ("metadata", "title"),
    [
        ("A Report on Pumps", "A Report on Pumps"),
        ("Microsoft Word - Pumps and Valves", "Pumps and Valves"),
        ("Microsoft Word - report.doc", None),
        ("untitled", None),
        ("", None),
        (None, None),
    ],
)
def test_metadata_serve_when_no_page_has_a_title(metadata: str | None, title: str | None) -> None:
    assert stitched(page(1, block("text", "Body.")), title=metadata).title == title


def test_a_long_heading_is_a_paragraph() -> None:
    record = stitched(page(1, block("heading", "word " * 100, size=20.0)))
    assert not lines(record.markdown)
    assert record.markdown.count("word") == 100


def test_the_title_may_be_what_layout_calls_text() -> None:
    record = stitched(
        page(
            1,
            block("heading", "Research Article", size=8.0, y=50.0),
            block("text", "On the care of old pumps", size=18.0, y=80.0),
            block("heading", "Abstract", size=14.0),
            block("text", "Pumps are old. " * 9),
        )
    )
    assert record.title == "On the care of old pumps"
    assert "\n# On the care of old pumps\n" in record.markdown
    assert "\n## Abstract\n" in record.markdown


def test_the_title_is_what_the_metadata_say_where_a_page_says_it_too() -> None:
    record = stitched(
        page(
            1,
            block("title", "Journal of Pumps", size=24.0),
            block("heading", "The care of\nold pumps", size=14.0),
        ),
        title="The Care of Old Pumps",
    )
    assert record.title == "The care of old pumps"
    assert "# The care of old pumps\n" in record.markdown


@pytest.mark.parametrize(
    ("on_page", "is_title"),
    [("The Care of Old Pumps, and Their Repair", True), ("The care of pumps of 1990", False)],
)
def test_metadata_and_page_may_differ_by_a_few_words(on_page: str, is_title: bool) -> None:
    record = stitched(
        page(
            1,
            block("title", "Special Publication 800", size=24.0),
            block("text", on_page, size=14.0),
        ),
        title="The Care of Old Pumps (OP) and Their Repair",
    )
    assert record.title == (on_page if is_title else "Special Publication 800")


def test_the_name_of_a_section_is_no_title() -> None:
    record = stitched(
        page(1, block("heading", "Contents", size=20.0), block("heading", "1 Pumps", size=12.0))
    )
    assert record.title is None


def test_numbers_that_follow_on_decide_where_sizes_do_not() -> None:
    sizes = {"1 A": 14.0, "1.1 B": 12.0, "1.2 C": 11.0, "2 D": 16.0, "2.1 E": 12.0, "3 F": 14.0}
    blocks = [block("heading", f"{text}bc", size=size) for text, size in sizes.items()]
    record = stitched(page(1, block("title", "Pumps", size=30.0)), page(2, *blocks))
    levels = [line.split(" ")[0] for line in record.markdown.split("\n") if line[:2] == "##"]
    assert levels == ["##", "###", "###", "##", "###", "##"]
