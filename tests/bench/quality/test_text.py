"""Words of a text layer against those of the markdown, counted by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pymupdf

from bench.quality.documents import Source
from bench.quality.text import TruePage, compare, true_pages
from tests.bench.quality.readings import reading_of


def page_of(*lines: str, aside: int | None = None) -> TruePage:
    kept = tuple(
        (12.0 * n, tuple(x.rstrip("-").split()), x[-1] == "-") for n, x in enumerate(lines)
    )
    return TruePage(1, kept, frozenset() if aside is None else frozenset({aside}))


def test_a_perfect_reading_lacks_nothing_and_adds_nothing() -> None:
    found = compare(reading_of("# One\n\ntwo **three**"), [page_of("One", "two three")])
    assert (found.truth.total(), found.missing, found.extra) == (3, Counter(), Counter())
    assert found.pages == [(1, 3, [])]


def test_lost_and_added_words_are_counted_with_their_repeats() -> None:
    found = compare(reading_of("one one four"), [page_of("one two two three")])
    assert found.missing == Counter(two=2, three=1)
    assert found.extra == Counter(one=1, four=1)
    assert found.pages == [(1, 4, ["two", "two", "three"])]


def test_an_empty_reading_lacks_all() -> None:
    found = compare(reading_of(""), [page_of("one two")])
    assert (found.missing.total(), found.extra.total(), found.n_written) == (2, 0, 0)


def test_a_page_that_was_read_by_ocr_is_not_asked_for() -> None:
    found = compare(reading_of("rubbish", source="ocr"), [page_of("one two")])
    assert found.truth.total() == 0


def test_a_broken_word_may_be_joined_or_not() -> None:
    truth = [page_of("the hyph-", "enated word")]
    for markdown in ("the hyphenated word", "the hyph- enated word"):
        found = compare(reading_of(markdown), truth)
        assert not +found.missing
        assert not +found.extra
    assert compare(reading_of("the hyphenless word"), truth).missing == Counter(["hyph", "enated"])


def test_what_is_put_aside_is_neither_asked_for_nor_held_against() -> None:
    truth = [page_of("Annual Report", "one two", aside=0)]
    for markdown in ("one two", "Annual Report one two"):
        found = compare(reading_of(markdown), truth)
        assert (found.missing.total(), found.extra.total(), found.n_aside) == (0, 0, 2)


def test_words_of_fields_and_pictures_are_not_held_against() -> None:
    field = {"kind": "field", "source": "text_layer", "text": "name: Ada"}
    picture = {"kind": "text", "source": "ocr", "text": "scanned"}
    found = compare(reading_of("one name: Ada scanned", field, picture), [page_of("one")])
    assert (found.extra.total(), found.n_written) == (0, 1)


def test_running_headers_and_double_prints_are_put_aside(tmp_path: Path) -> None:
    with pymupdf.open() as document:
        for number in range(1, 4):
            page = document.new_page()
            page.insert_text((72, 40), f"Yearbook {number}")
            for line in range(8):
                page.insert_text((72, 100 + 40 * line), f"line {line} of page {number} stands")
            page.insert_text((72.4, 100), f"line 0 of page {number} stands")
        document.save(tmp_path / "a.pdf")
    pages = true_pages(Source(tmp_path / "a.pdf", "a.pdf"), 9)
    assert [page.number for page in pages] == [1, 2, 3]
    assert "Yearbook" not in pages[0].words
    assert pages[0].words[12:18] == ["line", "4", "of", "page", "1", "stands"]
