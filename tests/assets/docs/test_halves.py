"""A note that goes on in the next column, and an item whose first line alone is indented."""

from __future__ import annotations

import pytest

from tests.assets.docs.making import block, page, stitched

BODY = "A paragraph of the body that is long enough to be one and that ends with a full stop."
NOTE = "12 The magnitude of the command varies according to parameters such as the airplane's"
REST = "altitude and airspeed, and would be limited. See the docket."


def two_columns(rest: str, size: float = 7.0) -> str:
    left = [
        block("text", BODY, x=45, width=170, y=100),
        block("text", NOTE, x=45, width=150, y=700, size=7.0),
    ]
    right = [
        block("text", BODY, x=222, width=170, y=100),
        block("text", rest, x=222, width=170, y=690, size=size),
    ]
    return stitched(page(1, *left, *right)).markdown


def test_a_note_goes_on_in_the_next_column() -> None:
    assert f"> {NOTE} {REST}" in two_columns(REST)


def test_the_body_is_no_part_of_a_note() -> None:
    assert f"> {NOTE}\n" in two_columns(REST, size=10.0)
    assert f"> {NOTE}\n" in two_columns("https://example.org/a/link in small type")


@pytest.mark.parametrize(("width", "joined"), [(115.0, True), (60.0, False)])
def test_an_item_goes_on_where_its_first_line_alone_is_indented(width: float, joined: bool) -> None:
    """Only where the next word had no room in its line."""
    found = stitched(
        page(
            1,
            block("list_item", "\u2022 Mail: U.S. Department of", x=231, width=width, y=160),
            block("text", "Transportation, Docket\nOperations", x=222, width=170, y=172),
        )
    ).markdown
    assert ("- Mail: U.S. Department of Transportation, Docket" in found) is joined
