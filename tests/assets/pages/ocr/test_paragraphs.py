"""Paragraphs and headings of a scan are told by the distance of lines, not by white of boxes."""

from __future__ import annotations

from collections.abc import Sequence

from assets.pages.ocr.blocks import ocr_blocks
from assets.pages.records import Block, Line, Span

WIDTH = 300.0
PROSE = "words of a sentence that goes on over the whole line"


def lines_of(
    texts: Sequence[tuple[str, float, float]], *, jitter: bool = True, left: float = 50.0
) -> list[Line]:
    """Lines from (text, distance to the line before, indent); full unless they end with a stop."""
    found: list[Line] = []
    middle = 100.0
    for i, (text, pitch, indent) in enumerate(texts):
        middle += pitch
        half = (6.6 if i % 3 else 5.3) if jitter else 6.0  # boxes are as high as their letters
        x0 = left + indent
        x1 = min(left + WIDTH, x0 + len(text) * 5.6)
        found.append(
            Line((x0, middle - half, x1, middle + half), (Span(text),), 9.0, confidence=0.99)
        )
    return found


def texts_of(blocks: Sequence[Block]) -> list[tuple[str, int]]:
    return [(block.kind, block.text.count("\n") + 1) for block in blocks]


def test_a_heading_in_the_type_of_the_body_stands_alone() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 5,
                ("and it ends here.", 10.0, 0.0),
                ("Examining the Docket", 15.0, 0.0),
                (PROSE, 14.0, 9.0),
                *[(PROSE, 10.0, 0.0)] * 3,
            ]
        )
    )
    assert texts_of(found) == [("text", 6), ("heading", 1), ("text", 4)]
    assert found[1].text == "Examining the Docket"


def test_what_stands_apart_but_is_a_sentence_or_an_address_is_no_heading() -> None:
    for text in (
        "See the docket for more.",
        "about the docket and more",
        "Table 3 Examined Dockets",
    ):
        found = ocr_blocks(
            lines_of([*[(PROSE, 10.0, 0.0)] * 5, (text, 15.0, 0.0), *[(PROSE, 14.0, 0.0)] * 4])
        )
        assert all(block.kind == "text" for block in found)


def test_a_centred_heading_of_a_double_spaced_page() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 27.0, 0.0)] * 4,
                ("and it ends here.", 27.0, 0.0),
                ("Standard of Review", 27.0, 100.0),
                (PROSE, 27.0, 36.0),
                *[(PROSE, 27.0, 0.0)] * 3,
            ]
        )
    )
    assert texts_of(found) == [("text", 5), ("heading", 1), ("text", 4)]


def test_lines_far_apart_that_end_early_are_not_one_paragraph() -> None:
    found = ocr_blocks(lines_of([(f"entry {i}", 27.0, 0.0) for i in range(6)] + [(PROSE, 27.0, 0)]))
    assert len(found) > 5


def test_a_small_indent_starts_a_paragraph() -> None:
    """The Federal Register indents by 8 points, under one em of its OCR's size."""
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 4,
                (PROSE[:-1] + ".", 10.0, 0.0),
                (PROSE, 10.0, 8.0),
                *[(PROSE, 10.0, 0.0)] * 3,
            ]
        )
    )
    assert texts_of(found) == [("text", 5), ("text", 4)]


def test_hanging_lines_belong_to_their_item() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 4,
                ("1. " + PROSE, 10.0, 0.0),
                (PROSE, 10.0, 20.0),
                ("2. " + PROSE, 10.0, 0.0),
                (PROSE, 10.0, 20.0),
            ]
        )
    )
    assert [block.text[:2] for block in found] == ["wo", "1.", "2."]


def test_letters_of_another_height_do_not_break_a_paragraph() -> None:
    rows = lines_of([(PROSE, 10.0, 0.0)] * 8, jitter=False)
    rows[4] = rows[4]._replace(size=11.5)
    assert len(ocr_blocks(rows)) == 1


def test_notes_set_closer_than_the_body_do_not_break_it() -> None:
    body = [(PROSE, 10.4, 0.0)] * 2
    found = ocr_blocks(lines_of([*body, *[(PROSE, 8.0, 0.0)] * 14], jitter=False))
    assert found[0].text.count("\n") >= 1


def test_notes_at_the_foot_of_a_column_are_footnotes_the_one_that_goes_on_too() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 8,
                ("goes on from the note of another column and ends here.", 18.0, 0.0),
                ("in the same small type, as a sentence may.", 8.0, 0.0),
                ("7 Another note, which starts with its mark in that type", 8.0, 7.0),
                *[(PROSE, 8.0, 0.0)] * 2,
                ("12", 30.0, 140.0),
            ]
        )
    )
    assert [block.kind for block in found] == ["text", "footnote", "footnote", "text"]
    assert found[2].text.startswith("7 Another")
    assert found[3].text == "12"


def test_a_numbered_paragraph_in_the_type_of_the_body_is_no_note() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 8,
                ("7 Another paragraph, which starts with its number", 18.0, 0.0),
                *[(PROSE, 10.0, 0.0)] * 3,
            ]
        )
    )
    assert [block.kind for block in found] == ["text", "text"]


def test_a_heading_and_a_small_line_beside_it_are_two_blocks() -> None:
    heading = Line((40.0, 50.0, 190.0, 74.0), (Span("Proposed Rules"),), 19.6, confidence=0.99)
    beside = Line((200.0, 57.0, 290.0, 68.0), (Span("Register"),), 9.0, confidence=0.99)
    found = ocr_blocks([heading, beside, *lines_of([(PROSE, 10.0, 0.0)] * 5)])
    assert [block.text for block in found[:2]] == ["Proposed Rules", "Register"]


def test_headings_of_two_levels_stand_above_one_another() -> None:
    found = ocr_blocks(
        lines_of(
            [
                *[(PROSE, 10.0, 0.0)] * 4,
                ("and it ends here.", 10.0, 0.0),
                ("Materials and methods", 20.0, 0.0),
                ("Plant material", 17.0, 0.0),
                ("Fresh " + PROSE, 15.0, 0.0),
                *[(PROSE, 10.0, 0.0)] * 3,
            ]
        )
    )
    assert texts_of(found) == [("text", 5), ("heading", 1), ("heading", 1), ("text", 4)]
