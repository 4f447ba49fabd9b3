"""Tables: halves of columns, heads over pages, and nothing of a cell lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.pages.markdown import table
from tests.assets.docs.making import block, page, stitched


def rows_of(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.split("\n") if line.startswith("|")]
    return [line[1:-1].split("|") for n, line in enumerate(lines) if n != 1]


def a_table(*rows: list[str], **values: Any) -> dict[str, Any]:
    text = "\n".join("\t".join(row) for row in rows)
    return block("table", text, markdown=table(rows), **values)


def test_a_head_and_its_numbers_are_one_column() -> None:
    found = stitched(
        page(1, a_table(["Year", "Ann", "", "Bo"], ["2023", "", "91", "7"], ["2022", "", "8", "6"]))
    )
    assert rows_of(found.markdown) == [
        ["Year", "Ann", "Bo"],
        ["2023", "91", "7"],
        ["2022", "8", "6"],
    ]


def test_columns_that_share_a_row_stay_apart() -> None:
    rows = [["", "Ann", "Bo"], ["2023", "91", ""], ["2022", "", "6"]]
    assert rows_of(stitched(page(1, a_table(*rows))).markdown) == rows


def test_two_rows_of_a_head_are_told_once() -> None:
    head = [["Pumps", "Flow"], ["", "l/s"]]
    record = stitched(
        page(1, a_table(*head, ["North", "3"], y=600.0)),
        page(2, a_table(*head, ["South", "4"], y=100.0)),
    )
    assert rows_of(record.markdown) == [*head, ["North", "3"], ["South", "4"]]


def test_a_continuation_without_a_head_keeps_all_rows() -> None:
    record = stitched(
        page(1, a_table(["Pump", "Flow"], ["North", "3"], y=600.0)),
        page(2, a_table(["North", "3"], ["South", "4"], y=100.0)),
    )
    assert len(rows_of(record.markdown)) == 4


def test_a_table_with_a_caption_of_its_own_does_not_go_on() -> None:
    """Two tables of one shape on neighbouring pages."""
    first = a_table(["Pump", "Flow"], ["North", "3"], ["South", "4"], y=600.0)
    second = a_table(["Pump", "Head"], ["North", "9"], ["South", "8"], y=130.0)
    own = stitched(page(1, first), page(2, block("caption", "Table 2: Heads", y=100.0), second))
    assert own.markdown.count("|---|") == 2
    assert own.markdown.index("Table 2") < own.markdown.index("Head|")
    goes_on = block("caption", "Table 1 (continued)", y=100.0)
    assert stitched(page(1, first), page(2, goes_on, second)).markdown.count("|---|") == 1


def test_columns_that_disagree_are_not_joined() -> None:
    """Numbers on one page, words on the next: as many columns are not the same columns."""
    first = a_table(["Pump", "Flow"], ["North", "3"], ["South", "4"], y=600.0)
    second = a_table(["Who", "Where"], ["Ann", "Oslo"], ["Bo", "Bergen"], y=100.0)
    assert stitched(page(1, first), page(2, second)).markdown.count("|---|") == 2


cells = st.sampled_from(["", "", "a", "b c", "12", "x|y"])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=2, max_size=10)
    )
)
def test_no_cell_is_lost_or_moved_to_another_row(rows: list[list[str]]) -> None:
    found = stitched(page(1, a_table(*rows))).markdown
    shown = [[text for text in row if text] for row in rows_of(found.replace("\\|", "x"))]
    told = [[text.replace("|", "x") for text in row if text] for row in rows]
    assert [row for row in shown if row] == [row for row in told if row]
