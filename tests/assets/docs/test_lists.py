"""Lists keep their levels and their numbers."""

from __future__ import annotations

import itertools

import pytest
from markdown_it import MarkdownIt

from tests.assets.docs.making import block, page, stitched

PARSER = MarkdownIt("commonmark")


def item(text: str, x: float = 72.0, **values: object) -> dict[str, object]:
    return block("list_item", text, x=x, **values)


def depths(markdown: str) -> list[tuple[str, int]]:
    """The text of each item with the number of lists around it."""
    found, depth = [], 0
    for token in PARSER.parse(markdown):
        depth += (token.type.endswith("list_open")) - (token.type.endswith("list_close"))
        if token.type == "inline":
            found.append((token.content, depth))
    return found


def test_items_stand_under_those_they_start_to_the_right_of() -> None:
    record = stitched(
        page(
            1,
            item("• Fruit"),
            item("– apples", 90.0),
            item("– pears", 90.0),
            item("◦ early", 110.0),
            item("• Nuts"),
        )
    )
    assert record.markdown == "- Fruit\n  - apples\n  - pears\n    - early\n- Nuts\n"


def test_items_stand_under_the_text_of_a_numbered_one() -> None:
    record = stitched(
        page(1, item("9. Nine", 77.0), item("10. Ten"), item("• within", 100.0), item("11. Eleven"))
    )
    assert record.markdown == "9. Nine\n10. Ten\n    - within\n11. Eleven\n"
    assert [d for _, d in depths(record.markdown)] == [1, 1, 2, 1]


@pytest.mark.parametrize("markers", itertools.permutations(("•", "1.", "3.", "4)", "-"), 3))
def test_every_item_is_an_item(markers: tuple[str, ...]) -> None:
    """A list that starts at 3 would be read as a paragraph of the item before it."""
    for places in itertools.product((72.0, 95.0), repeat=3):
        blocks = [item(f"{m} word", x) for m, x in zip(markers, places, strict=True)]
        found = depths(stitched(page(1, *blocks)).markdown)
        assert [text for text, _ in found] == ["word"] * 3
        assert all(depth for _, depth in found)


def test_a_list_goes_on_over_the_page() -> None:
    record = stitched(
        page(1, item("1. One"), item("a) within", 90.0)), page(2, item("2. Two"), item("3. Three"))
    )
    assert record.markdown == "1. One\n   - a) within\n2. Two\n3. Three\n"


def test_a_list_in_the_next_column_is_no_deeper() -> None:
    record = stitched(page(1, item("• left"), item("• right", 320.0)))
    assert record.markdown == "- left\n- right\n"


def test_numbers_of_other_scripts_are_kept_as_text() -> None:
    record = stitched(page(1, item("๑. หนึ่ง"), item("๒. สอง")))
    assert record.markdown == "- ๑. หนึ่ง\n- ๒. สอง\n"


def test_notes_wait_for_the_end_of_the_list() -> None:
    record = stitched(
        page(1, item("• one"), item("• two", 90.0), block("footnote", "1 A note.", y=700.0)),
        page(2, item("• three", 90.0), block("text", "Body.")),
    )
    assert record.markdown == "- one\n  - two\n  - three\n\n> 1 A note.\n\nBody.\n"


def test_an_item_of_one_line_is_no_deeper_where_first_lines_are_indented() -> None:
    """The box of an item of two lines starts where its second line does."""
    record = stitched(
        page(
            1,
            item("\u2022 By post: write to the office\nthat is named below."),
            item("\u2022 By fax.", 81.0),
            item("\u2022 By hand.", 81.0),
            item("\u2022 By messenger, between 9 and 5,\nfrom Monday to Friday."),
        )
    )
    assert [depth for _, depth in depths(record.markdown)] == [1, 1, 1, 1]
