"""Each kind of damage moves the metric that is named for it, and noise moves none of those."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evals.base import METRICS
from assets.evals.measures.against_truth import against_truth
from tests.assets.evals import damage
from tests.assets.evals.samples_text import long_pages

TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
LINES = st.lists(st.text("abcdefgh ", min_size=1, max_size=40), min_size=1, max_size=12)
NAMED = ("words_missing", "words_invented", "order", "repeated")


def errors(truth: str, read: str) -> dict[str, float]:
    return {measure.metric: measure.value for measure in against_truth(truth, read)}


def mean_errors(change: Callable[[str, int], str]) -> dict[str, float]:
    """The mean of each metric over the samples' long pages."""
    pages = long_pages()
    found = [errors(page, change(page, i)) for i, page in enumerate(pages)]
    return {metric: sum(one[metric] for one in found) / len(found) for metric in found[0]}


@settings(deadline=None, max_examples=50)
@given(TEXT)
def test_a_page_that_is_read_right_has_no_error(text: str) -> None:
    assert set(errors(text, text).values()) == {0.0}


@settings(deadline=None, max_examples=50)
@given(TEXT, TEXT)
def test_all_are_measured_and_shares_are_shares(truth: str, read: str) -> None:
    found = against_truth(truth, read)
    assert [m.metric for m in found] == ["cer", "wer", *NAMED]
    assert all(m.metric in METRICS and m.value >= 0 for m in found)
    assert all(m.value <= 1 for m in found if m.metric in NAMED)
    assert all(bool(m.explanation) == (m.value > 0) for m in found)


@pytest.mark.parametrize(
    ("truth", "read", "wrong"),
    [
        ("", "", set()),
        (" \n", "\t", set()),
        ("", "something", {"cer", "wer", "words_invented"}),
        ("something", "", {"cer", "wer", "words_missing"}),
    ],
)
def test_an_empty_side_is_all_right_or_all_wrong(truth: str, read: str, wrong: set[str]) -> None:
    assert errors(truth, read) == {
        metric: float(metric in wrong) for metric in ("cer", "wer", *NAMED)
    }


def test_every_twentieth_line_dropped_is_missing_text_and_nothing_else() -> None:
    pages = damage.drop_lines_of(long_pages())
    found = mean_errors(lambda _, i: pages[i])
    assert found["words_missing"] == pytest.approx(0.05, abs=0.01)
    assert found["cer"] == pytest.approx(0.05, abs=0.01)
    assert found["words_invented"] < 0.001
    assert found["order"] == found["repeated"] == 0


@pytest.mark.parametrize("change", [damage.swap_halves, damage.read_across])
def test_columns_that_change_places_are_another_order(change: Callable[[str], str]) -> None:
    found = mean_errors(lambda page, _: change(page))
    assert found["order"] > 0.3
    assert found["cer"] > 0.3
    assert found["words_missing"] < 0.005
    assert found["words_invented"] < 0.005
    assert found["repeated"] == 0


def test_a_paragraph_that_comes_twice_is_repeated() -> None:
    found = mean_errors(damage.repeat_paragraph)
    assert found["repeated"] > 0.1
    assert found["words_missing"] == found["words_invented"] == found["order"] == 0


def test_lines_that_nobody_wrote_are_invented() -> None:
    found = mean_errors(lambda page, i: damage.invent_lines(page, 0.05, i))
    assert found["words_invented"] > 0.04
    assert found["words_missing"] < 0.001
    assert found["order"] == found["repeated"] == 0


@pytest.mark.parametrize("rate", [0.01, 0.03])
def test_misread_letters_are_neither_missing_nor_invented(rate: float) -> None:
    found = mean_errors(lambda page, i: damage.noise(page, rate, i))
    assert found["cer"] == pytest.approx(rate, rel=0.4)
    assert all(found[metric] < 0.005 for metric in NAMED)


def test_other_noise_of_the_same_rate_changes_no_mean() -> None:
    one = mean_errors(lambda page, i: damage.noise(page, 0.02, i))
    other = mean_errors(lambda page, i: damage.noise(page, 0.02, 1000 + i))
    assert all(abs(one[m] - other[m]) < 0.005 for m in ("cer", *NAMED))
    assert abs(one["wer"] - other["wer"]) < 0.02


def test_missing_text_is_seen_through_noise() -> None:
    pages = damage.drop_lines_of(long_pages())
    found = mean_errors(lambda _, i: damage.noise(pages[i], 0.02, i))
    assert found["words_missing"] == pytest.approx(0.05, abs=0.01)


@settings(deadline=None, max_examples=30)
@given(LINES, st.data())
def test_each_lost_line_is_an_error_more(lines: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(lines))))
    before = 0.0
    for n in range(len(lines) + 1):
        gone = set(order[:n])
        left = "\n".join(line for i, line in enumerate(lines) if i not in gone)
        now = errors("\n".join(lines), left)["words_missing"]
        assert now >= before
        before = now


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10))
def test_each_repeat_is_an_error_more(which: int) -> None:
    page = long_pages()[which % 5]
    once = damage.repeat_paragraph(page, which)
    twice = damage.repeat_paragraph(once, which)
    assert 0 < errors(page, once)["repeated"] < errors(page, twice)["repeated"]


def test_words_without_their_spaces_are_misread_not_missing() -> None:
    page = long_pages()[0]
    joined = page.replace(" of ", "of").replace(" the ", "the")
    found = errors(page, joined)
    assert found["words_missing"] == found["words_invented"] == 0
    assert found["cer"] > 0
    assert errors(joined, page)["words_invented"] == 0


def test_words_in_capitals_are_misread_not_missing() -> None:
    found = errors("The case of Smith vs Jones", "THE CASE OF SMITH VS JONES")
    assert found["words_missing"] == found["words_invented"] == 0
    assert found["wer"] == 1


def test_a_lost_line_is_missing_in_a_script_without_spaces() -> None:
    lines = [
        "港湾局の報告によると船が入港し",
        "町の議会は船長に手紙を書くよう依頼した",
        "塩の取引は減少した",
    ]
    found = errors("\n".join(lines), "\n".join(lines[:2]))
    assert found["words_missing"] == pytest.approx(9 / 43, abs=0.001)
    assert found["order"] == found["repeated"] == 0


def test_explanations_name_what_is_wrong() -> None:
    page = long_pages()[1]
    said = {m.metric: m.explanation for m in against_truth(page, damage.drop_lines(page, 10))}
    assert "lines of the truth are missing, the first “" in said["words_missing"]
    said = {m.metric: m.explanation for m in against_truth(page, damage.repeat_paragraph(page))}
    assert "say again what was said" in said["repeated"]
    said = {m.metric: m.explanation for m in against_truth(page, damage.swap_halves(page))}
    assert "stand in another order" in said["order"]


@pytest.mark.parametrize("change", [lambda book: damage.noise(book, 0.05), lambda book: book[::-1]])
def test_a_book_costs_what_its_pages_cost(change: Callable[[str], str]) -> None:
    # An edit distance over the whole of a book takes minutes: twice the text, four times the time.
    pages = "\n".join(long_pages())
    seconds = []
    for size in (2, 6):
        book = "\n".join(f"Chapter {n}\n{pages}" for n in range(size))
        read = change(book)
        started = time.process_time()
        assert errors(book, read)["cer"] > 0.02
        seconds.append(time.process_time() - started)
    assert seconds[1] < 6 * seconds[0]


def test_a_book_read_with_noise_is_neither_missing_nor_out_of_order() -> None:
    words = sorted({word for page in long_pages() for word in page.split()})
    book = "\n".join(
        " ".join(words[(i * j) % len(words)] for j in range(1, 13)) for i in range(800)
    )
    found = errors(book, damage.noise(book, 0.03))
    assert found["cer"] == pytest.approx(0.024, abs=0.006)
    assert found["words_missing"] < 0.02
    assert found["order"] < 0.01
