"""What the page broke is made whole; what was whole stays."""

from __future__ import annotations

import pytest

from assets.docs.joining import Vocabulary, join_lines
from tests.assets.docs.making import block, page, stitched

NONE = Vocabulary(())


@pytest.mark.parametrize(
    ("text", "words", "joined"),
    [
        ("an exam\u00ad\nple", "", "an example"),
        ("an exam-\nple", "another example", "an example"),
        ("an exam\u2010\nple", "another example", "an example"),
        ("two exam-\nples", "one example", "two examples"),
        ("to per-\nceive", "perceived", "to perceive"),
        ("a well-\nknown fact", "", "a well-known fact"),
        ("a well-\nknown fact", "well known facts", "a well-known fact"),
        ("a distribu-\ntion", "", "a distribution"),
        ("mova-\nble types", "", "movable types"),
        ("a non-\nstation", "", "a non-station"),
        ("state-of-the-\nart", "art", "state-of-the-art"),
        ("pre- and post-\nwar", "preand", "pre- and post-war"),
        ("pre-\nand postwar", "", "pre- and postwar"),
        ("the Navier-\nStokes terms", "", "the Navier-Stokes terms"),
        ("1990-\n1995", "", "1990-1995"),
        ("737\u2013\n9", "", "737\u20139"),
        ("word \u2013\nword", "", "word \u2013 word"),
        ("an exam- ple", "example", "an example"),
        ("an exam- ple", "", "an exam- ple"),
        ("https://example.org/\npath", "", "https://example.org/path"),
        ("https://example.org/-\npath", "", "https://example.org/path"),
        ("\u65e5\u672c\n\u8a9e\u3067\u3059", "", "\u65e5\u672c\u8a9e\u3067\u3059"),
        ("\u65e5\u672c\nDebian", "", "\u65e5\u672c Debian"),
        ("\ub370\ube44\uc548\n\ud504\ub85c", "", "\ub370\ube44\uc548 \ud504\ub85c"),
        ("\u0e44\u0e17\u0e22\n\u0e44\u0e17\u0e22", "", "\u0e44\u0e17\u0e22\u0e44\u0e17\u0e22"),
        ("Start . . . . . . . . . 12", "", "Start \u2026 12"),
        ("and so on ...", "", "and so on ..."),
        ("  \n ", "", ""),
        ("an exam-\nple", "an example\u00b9", "an example"),
        ("the end\u00b2\nof it", "", "the end\u00b2 of it"),
    ],
)
def test_lines_become_one(text: str, words: str, joined: str) -> None:
    assert join_lines(text, Vocabulary([words])) == joined


def test_a_fragment_is_no_word_of_its_own_document() -> None:
    words = Vocabulary(
        ["hun-\ndreds", " ".join(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}x" for n in range(400))]
    )
    assert join_lines("hun-\ndreds", words) == "hundreds"
    assert join_lines("ob-\ntained", words) == "obtained"
    assert join_lines("re-\nenter", words) == "re-enter"


def test_a_paragraph_goes_on_over_the_page_past_footnotes_and_headers() -> None:
    record = stitched(
        page(
            1,
            block("text", "The pump was mea-", y=700.0),
            block("footnote", "1 A note.", y=740.0, size=8.0),
        ),
        page(2, block("header", "Only here", y=20.0), block("text", "sured twice.", y=60.0)),
        page(3, block("text", "It was measured by hand.")),
    )
    assert record.markdown == (
        "The pump was measured twice.\n\n> 1 A note.\n\nOnly here\n\nIt was measured by hand.\n"
    )


def test_a_paragraph_goes_on_in_the_next_column() -> None:
    long = "The first column of this page ends in the middle of a sentence that"
    record = stitched(
        page(
            1,
            block("text", long, x=50.0, width=200.0, y=700.0),
            block("text", "goes on here.", x=300.0, width=200.0, y=100.0),
        )
    )
    assert record.markdown == f"{long} goes on here.\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It ends.", "and this starts small."),
        ("It does not end", "But this starts large."),
        ("It does not end", "a) an item"),
        ("It does not end", "\u2022 an item"),
    ],
)
def test_paragraphs_stay_apart(before: str, after: str) -> None:
    record = stitched(page(1, block("text", before)), page(2, block("text", after)))
    assert len(record.markdown.strip().split("\n\n")) == 2


def test_paragraphs_stay_apart_over_a_page_that_failed_or_other_type() -> None:
    first, last = block("text", "It goes"), block("text", "on here.")
    failed = page(2, status="failed", error_class="timeout")
    assert "goes on" not in stitched(page(1, first), failed, page(3, last)).markdown
    other = block("text", "on here.", size=14.0)
    assert "goes on" not in stitched(page(1, first), page(2, other)).markdown


LONG = "The relief boat was due on the third of December and in the end it came"


def test_a_paragraph_goes_on_below_a_figure() -> None:
    record = stitched(
        page(
            1,
            block("text", LONG, y=100.0),
            block("picture", "", y=200.0),
            block("caption", "Figure 1. The boat.", y=300.0),
            block("text", "in January.", y=400.0),
        )
    )
    assert record.markdown == f"{LONG} in January.\n\nFigure 1. The boat.\n"


def test_a_paragraph_below_another_is_its_own() -> None:
    record = stitched(page(1, block("text", LONG, y=100.0), block("text", "in May.", y=200.0)))
    assert record.markdown == f"{LONG}\n\nin May.\n"


def test_a_name_broken_at_the_end_of_a_page_keeps_its_hyphen() -> None:
    first = f"{LONG} to Soekarno-"
    record = stitched(page(1, block("text", first)), page(2, block("text", "Hatta at last.")))
    assert record.markdown == f"{first}Hatta at last.\n"


@pytest.mark.parametrize("mark", ["1", "\u00b9", "\u00b9\u2070 "])
def test_a_footnote_that_layout_calls_text_stands_beside_the_body(mark: str) -> None:
    record = stitched(
        page(
            1,
            block("text", LONG, y=500.0),
            block("list_item", "\u2014\u2014\u2014\u2014\u2014", y=600.0),
            block("text", f"{mark}Of the old year.", y=620.0, size=8.0),
        ),
        page(2, block("text", "in January.")),
    )
    assert record.markdown == f"{LONG} in January.\n\n> {mark}Of the old year.\n"


def test_a_numbered_line_of_the_body_is_no_footnote() -> None:
    record = stitched(page(1, block("text", "3 boats came.", y=620.0), block("text", LONG)))
    assert not record.markdown.startswith(">")


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Preface\u2026\u2026\u2026\u2026..\u2026ii", "Preface \u2026 ii"),
        ("\u7b49\u7b49\u2026\u2026\u4e86", "\u7b49\u7b49\u2026\u2026\u4e86"),
    ],
)
def test_leaders_are_one_sign(text: str, joined: str) -> None:
    assert join_lines(text, NONE) == joined
