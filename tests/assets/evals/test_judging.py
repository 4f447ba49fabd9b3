"""A case is kept by what was read, and the explanation quotes what was expected and found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evals.base import DocumentReading, PageReading, Result
from assets.evals.cases import (
    Case,
    Expectation,
    ImageCount,
    Order,
    PageText,
    SummaryFacts,
    SummaryReference,
    TableCell,
    TextAbsent,
    TextPresent,
)
from assets.evals.finding import Searched, tables_of, text_of_markdown
from assets.evals.judging import judge_case
from assets.evals.measures.words import plain
from io_managers.schemas import STAGES
from tests.assets.evals import damage
from tests.assets.evals.samples_text import long_pages

VERSIONS = {stage: f"{stage}-r1-x-000000000000" for stage in STAGES}
TEXT = (
    "The ferry runs from Easter until the last Sunday of October.\n"
    "It does not run for an hour on either side of low water, be-\ncause it would ground.\n"
    "A fare of 1,204 pounds was “paid” in 1987 by twenty-\ntwo men."
)
TABLE = "# Times\n\n|Quarter|Nights|Lost|\n|---|---|---|\n|One \\| two|32|6|\n|Three|39|11|\n\nEnd."


def reading(text: str = TEXT, **more: Any) -> DocumentReading:
    page = PageReading("d" * 64, 1, "ok", text, markdown=TABLE, n_images=2)
    base = DocumentReading("d" * 64, "a.pdf", "file:///a.pdf", "ok", None, TABLE, (page,))
    return replace(base, summary="The ferry runs in summer.", summary_status="ok", **more)


def judge(
    expect: Expectation,
    kind: str,
    document: DocumentReading | None = None,
    page: int | None = 1,
    tolerance: float = 0.0,
) -> Result:
    case = Case("c", "a.pdf", kind, expect, page, tolerance)
    return judge_case(case, document or reading(), VERSIONS)[0]


def present(text: str, tolerance: float = 0.0, read: str = TEXT) -> Result:
    return judge(TextPresent(text), "text_present", reading(read), 1, tolerance)


@pytest.mark.parametrize(
    "text",
    [
        "The ferry runs from Easter",
        "The  ferry\nruns\tfrom",
        "low water, because it would ground",
        "low water, be-cause it would ground",
        'was "paid" in 1987',
        "was »paid« in 1987",
        "twenty-two men",
        "twenty\u2010two men.",
        "1,204 pounds",
    ],
)
def test_text_is_found_however_it_is_written(text: str) -> None:
    result = present(text)
    assert (result.passed, result.value, result.explanation) == (True, 0.0, "")
    assert (result.metric, result.subject) == ("text_present", "pages")
    assert result.version == VERSIONS["pages"]


@pytest.mark.parametrize(
    "text",
    [
        "the ferry runs",
        "erry runs from",
        "The ferry run",
        "204 pounds",
        "1,20",
        "runs, from Easter",
    ],
)
def test_another_text_is_not_found(text: str) -> None:
    result = present(text)
    assert result.passed is False
    assert 0 < result.value < 1
    assert f"expected “{text}”" in result.explanation
    assert "the nearest is “" in result.explanation


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10), st.data())
def test_any_run_of_words_of_a_page_is_found_and_without_one_of_them_is_not(
    which: int, data: st.DataObject
) -> None:
    page = long_pages()[which]
    words = plain(page).split()  # the halves of a broken word are no words
    start = data.draw(st.integers(0, len(words) - 8))
    assert present(" ".join(words[start : start + 8]), read=page).passed
    lost = " ".join([*words[start : start + 4], "zebra", *words[start + 4 : start + 8]])
    assert not present(lost, tolerance=0.5, read=page).passed


def test_misread_letters_pass_within_the_tolerance() -> None:
    wanted = "It does not run for an hour on either side of low water"
    misread = TEXT.replace("either", "eithcr").replace("hour", "h0ur")
    assert present(wanted, 0.05, misread).passed
    assert not present(wanted, 0.01, misread).passed


def test_a_missing_word_passes_no_tolerance() -> None:
    wanted = "It does not run for an hour on either side of low water"
    result = present(wanted, 0.9, TEXT.replace("does not run", "does run"))
    assert result.passed is False
    assert "missing: “not”" in result.explanation


def test_nothing_is_like_it_where_nothing_was_read() -> None:
    result = present("anything", 1.0, "")
    assert (result.passed, result.value) == (False, 1.0)
    assert "nothing is like it" in result.explanation


@pytest.mark.parametrize(
    ("text", "times", "passed"),
    [("bridge", 0, True), ("ferry", 0, False), ("ferry", 1, True), ("er", 0, True)],
)
def test_a_text_may_stand_so_often_and_no_more(text: str, times: int, passed: bool) -> None:
    result = judge(TextAbsent(text, times), "text_absent")
    assert result.passed is passed
    assert result.value == float(not passed)
    assert ("stands 1 times" in result.explanation) is not passed


def test_a_repeated_paragraph_stands_too_often() -> None:
    page = long_pages()[3]
    paragraph = max(page.split("\n\n"), key=len)
    expect = TextAbsent(paragraph[:60].rsplit(" ", 1)[0], 1)
    assert judge(expect, "text_absent", reading(page)).passed
    again = page.replace(paragraph, f"{paragraph}\n\n{paragraph}")
    assert not judge(expect, "text_absent", reading(again)).passed


def test_texts_stand_one_after_the_other() -> None:
    texts = ("The ferry", "low water", "twenty-two")
    assert judge(Order(texts), "order").passed
    result = judge(Order(texts[::-1]), "order")
    assert result.passed is False
    assert result.value == pytest.approx(2 / 3)
    assert "“low water” should stand after “twenty-two”, and stands before" in result.explanation
    missing = judge(Order(("The ferry", "the bridge")), "order")
    assert "expected “the bridge”" in missing.explanation


def test_swapped_columns_are_out_of_order() -> None:
    page = long_pages()[3]
    lines = [line for line in page.splitlines() if len(line) > 30]
    expect = Order((lines[1], lines[len(lines) // 2], lines[-1]))
    assert judge(expect, "order", reading(page)).passed
    assert not judge(expect, "order", reading(damage.swap_halves(page))).passed


@pytest.mark.parametrize(
    ("row", "column", "cell", "says"),
    [
        ("Three", "Lost", "11", None),
        ("One | two", "Nights", "32", None),
        ("Three", "Lost", "1", "found “11”"),
        ("Three", "Lost", "12", "found “11”"),
        ("Four", "Lost", "11", "no cell says “Four”"),
        ("Lost", "Three", "11", "they are not of one table"),
    ],
)
def test_a_cell_is_found_by_its_row_and_column(
    row: str, column: str, cell: str, says: str | None
) -> None:
    result = judge(TableCell(row, column, cell), "table_cell")
    assert result.passed is (says is None)
    assert (says or "") in result.explanation
    assert (result.value == 0) is (says is None)


def test_a_page_without_a_table_has_no_cell() -> None:
    page = PageReading("d" * 64, 1, "ok", "text", markdown="text")
    document = replace(reading(), pages=(page,))
    result = judge(TableCell("Three", "Lost", "11"), "table_cell", document)
    assert "there is no table" in result.explanation


def test_a_page_text_has_all_measures_and_one_limit() -> None:
    case = Case("c", "a.pdf", "page_text", PageText(TEXT), 1, 0.01)
    found = judge_case(case, reading(), VERSIONS)
    assert [r.metric for r in found][:3] == ["cer", "wer", "words_missing"]
    assert [r.passed for r in found] == [True] + [None] * 5
    worse = judge_case(case, reading(damage.noise(TEXT, 0.1)), VERSIONS)
    assert worse[0].passed is False
    assert "1.00 % may be wrong; expected “The ferry runs" in worse[0].explanation


@pytest.mark.parametrize(
    ("count", "tolerance", "passed"), [(2, 0, True), (3, 0, False), (3, 0.4, True)]
)
def test_images_are_counted(count: int, tolerance: float, passed: bool) -> None:
    result = judge(ImageCount(count), "image_count", tolerance=tolerance)
    assert (result.passed, result.subject) == (passed, "images")
    assert result.value == pytest.approx(abs(count - 2) / count)


@pytest.mark.parametrize(
    ("mention", "unwanted", "tolerance", "passed"),
    [
        ((("FERRY",), ("winter", "summer")), (), 0.0, True),
        ((("ferry",), ("fer",)), (), 0.0, False),
        ((("ferry",), ("bridge",)), (), 0.5, True),
        ((("ferry",),), ("summer",), 1.0, False),
    ],
)
def test_a_summary_says_what_it_must_and_nothing_that_it_must_not(
    mention: tuple[tuple[str, ...], ...], unwanted: tuple[str, ...], tolerance: float, passed: bool
) -> None:
    expect = SummaryFacts(mention, unwanted)
    result = judge(expect, "summary_facts", page=None, tolerance=tolerance)
    assert (result.passed, result.subject) == (passed, "summaries")
    assert (result.value > 0) is ("mention" in result.explanation)


def test_a_summary_is_held_against_a_reference() -> None:
    expect = SummaryReference("The ferry runs in summer only.")
    assert judge(expect, "summary_reference", page=None, tolerance=0.2).passed
    result = judge(expect, "summary_reference", reading(), None, 0.0)
    assert result.passed is False
    assert "expected “The ferry runs in summer only.”" in result.explanation


EVERY: list[tuple[str, Expectation]] = [
    ("text_present", TextPresent("x")),
    ("text_absent", TextAbsent("x")),
    ("order", Order(("x", "y"))),
    ("table_cell", TableCell("x", "y", "z")),
    ("page_text", PageText("x")),
    ("image_count", ImageCount(0)),
    ("summary_facts", SummaryFacts((("x",),), ())),
    ("summary_reference", SummaryReference("x")),
]


@pytest.mark.parametrize(("kind", "expect"), EVERY)
def test_what_was_not_read_keeps_no_case(kind: str, expect: Expectation) -> None:
    page = PageReading("d" * 64, 1, "failed", "", error_class="timeout")
    failed = replace(
        reading(), status="failed", error_class="corrupt", markdown="", pages=(page,), summary=None,
        summary_status="failed",
    )  # fmt: skip
    nothing = replace(failed, pages=())
    for document in (failed, nothing):
        result = judge(expect, kind, document, None if kind.startswith("summary") else 1, 1.0)
        assert (result.passed, result.value) == (False, 1.0)
        assert result.explanation


@pytest.mark.parametrize(("kind", "expect"), EVERY)
def test_a_stage_that_was_not_run_is_not_judged(kind: str, expect: Expectation) -> None:
    case = Case("c", "a.pdf", kind, expect, 1 if not kind.startswith("summary") else None)
    assert judge_case(case, reading(), {}) == []


def test_a_blocked_summary_is_not_judged() -> None:
    case = Case("c", "a.pdf", "summary_facts", SummaryFacts((("x",),), ()))
    blocked = replace(reading(), summary=None, summary_status="blocked")
    assert judge_case(case, blocked, VERSIONS) == []


def test_without_a_page_the_stitched_document_is_looked_into() -> None:
    result = judge(TableCell("Three", "Lost", "11"), "table_cell", page=None)
    assert (result.passed, result.subject) == (True, "docs")
    named = replace(Case("c", "a.pdf", "text_present", TextPresent("End.")), stage="pages")
    (result,) = judge_case(named, reading(), VERSIONS)
    assert (result.passed, result.subject) == (True, "pages")


def test_markdown_has_the_text_that_it_shows() -> None:
    markdown = (
        "# A \\*title\\*\n\n- an item\n\n> a quote\n\n> [page 2 was not read: timeout]\n\n"
        f"![Figure 1](image:{'0' * 64})\n\n|a|b|\n|---|---|\n|1<br>2|3|\n"
    )
    assert " ".join(text_of_markdown(markdown).split()) == "A *title* an item a quote a b 1 2 3"
    assert list(tables_of(markdown)) == [[["a", "b"], ["1 2", "3"]]]


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_may_be_looked_for_in_any(text: str, wanted: str) -> None:
    place = Searched(text).nearest(wanted)
    assert 0 <= place.error <= 1
    assert not (place.missing and place.within(1.0))
