"""Cutting batches: every file once, in order, within every limit, always the same way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.lake.rates import OCR_PAGE, TEXT_PAGE, Rates, Seen
from resources.settings import load_settings
from sensors.batching import (
    GIANT_PAGES,
    MAX_DOUBLINGS,
    MAX_IMAGE_BYTES,
    MAX_LINGER,
    CutRule,
    batch_seconds,
    cut_batches,
    linger_seconds,
    max_docs,
    predicted_seconds,
    rule_for,
)

SIZES = st.lists(st.integers(min_value=0, max_value=2**33), max_size=60)
_SECONDS = st.floats(min_value=0, max_value=10)
_SEEN = st.builds(Seen, st.integers(1, 500), st.integers(0, 9_000), st.integers(0, 9_000))
RATES = st.builds(
    Rates,
    text_page=_SECONDS,
    ocr_page=_SECONDS,
    document=_SECONDS,
    start=_SECONDS,
    run=_SECONDS,
    seen=st.dictionaries(st.integers(10, 33), _SEEN, max_size=4),
)
RULES = st.builds(
    CutRule,
    seconds=st.floats(min_value=1, max_value=3000),
    max_docs=st.integers(min_value=1, max_value=20),
    workers=st.integers(min_value=1, max_value=64),
    rates=RATES,
)
MIB = 2**20


@given(SIZES, RULES)
def test_batches_hold_every_file_once_in_order_and_within_limits(
    sizes: list[int], rule: CutRule
) -> None:
    cuts = cut_batches(sizes, rule)
    assert sum(cut.n_files for cut in cuts) == len(sizes)
    assert cuts == cut_batches(sizes, rule)
    first = 0
    for cut in cuts:
        files = sizes[first : first + cut.n_files]
        first += cut.n_files
        assert 1 <= len(files) <= rule.max_docs
        if len(files) > 1:
            assert batch_seconds(files, rule) <= rule.seconds * 1.000001
            assert sum(files) <= MAX_IMAGE_BYTES
            assert all(sum(rule.rates.pages(n)) < GIANT_PAGES for n in files)
    assert all(cut.full for cut in cuts[:-1])


@given(SIZES, RULES)
def test_a_file_over_a_limit_is_alone_and_does_not_wait(sizes: list[int], rule: CutRule) -> None:
    first = 0
    for cut in cut_batches(sizes, rule):
        files = sizes[first : first + cut.n_files]
        first += cut.n_files
        if any(predicted_seconds(n, rule) > rule.seconds for n in files):
            assert len(files) == 1
            assert cut.full


@given(SIZES, RULES)
def test_a_batch_ends_only_where_the_next_file_is_too_much(sizes: list[int], rule: CutRule) -> None:
    first = 0
    for cut in cut_batches(sizes, rule)[:-1]:
        end = first + cut.n_files
        more = sizes[first : end + 1]
        giant = any(sum(rule.rates.pages(n)) >= GIANT_PAGES for n in more)
        over = batch_seconds(more, rule) > rule.seconds or sum(more) > MAX_IMAGE_BYTES
        assert giant or over or len(more) > rule.max_docs
        first = end


@given(st.integers(0, 2**33), st.integers(1, 64), RATES)
def test_more_workers_never_make_a_run_longer(n_bytes: int, workers: int, rates: Rates) -> None:
    few = predicted_seconds(n_bytes, CutRule(300, 1000, workers, rates))
    many = predicted_seconds(n_bytes, CutRule(300, 1000, workers + 1, rates))
    assert many <= few * 1.000001


def test_three_thousand_pages_are_a_batch_of_their_own() -> None:
    rule = CutRule(seconds=2_400, max_docs=1000, workers=64, rates=Rates(text_page=0.01))
    book = 3_000 * 30_000
    assert [cut.n_files for cut in cut_batches([50_000, book, 50_000, 50_000], rule)] == [1, 1, 2]


def test_one_page_keeps_one_worker_and_many_documents_keep_all() -> None:
    rates = Rates(ocr_page=10.0, text_page=10.0, run=0.0, start=0.0, serial_document=0.0)
    one, eight = (CutRule(300, 1000, workers, rates) for workers in (1, 8))
    assert predicted_seconds(1_000, eight) == pytest.approx(predicted_seconds(1_000, one))
    alone = batch_seconds([1_000] * 64, one)
    assert batch_seconds([1_000] * 64, eight) == pytest.approx(alone / 8)


def test_scans_make_smaller_batches_than_text() -> None:
    sizes = [500_000] * 2_000
    scans = Rates(seen={18: Seen(files=500, ocr_pages=2_500)})
    texts = Rates(text_page=TEXT_PAGE[False], seen={18: Seen(files=500, text_pages=2_500)})
    by_scans = cut_batches(sizes, CutRule(300, 1000, 2, scans))[0].n_files
    by_texts = cut_batches(sizes, CutRule(300, 1000, 2, texts))[0].n_files
    assert by_scans * 5 * OCR_PAGE["rapidocr"] / 2 == pytest.approx(300, rel=0.1)
    assert by_texts == 1000


def test_the_limit_on_documents_rises_with_the_backlog() -> None:
    assert [max_docs(1000, n) for n in (0, 100_000, 100_001, 200_001, 400_001, 20_000_000)] == [
        1000, 1000, 2000, 4000, 8000, 8000,
    ]  # fmt: skip


@given(st.integers(1, 5000), st.integers(0, 10**8), st.integers(0, 10**8))
def test_it_never_falls_with_a_greater_backlog_and_is_bounded(
    base: int, one: int, two: int
) -> None:
    less, more = sorted((one, two))
    assert base <= max_docs(base, less) <= max_docs(base, more) <= base * 2**MAX_DOUBLINGS


def test_the_rule_comes_from_the_settings() -> None:
    settings = load_settings({}, overrides={"batch_seconds": "60", "workers": "3"})
    rates = Rates(n_runs=7)
    assert rule_for(settings, rates, 10) == CutRule(60, 1000, 3, rates)


def test_small_batches_wait_longer_when_the_last_day_had_many() -> None:
    assert [linger_seconds(20, n) for n in (0, 100, 101, 103, 105)] == [20, 20, 40, 80, 160]
    assert linger_seconds(20, 200) == MAX_LINGER
    assert linger_seconds(0, 10**6) == 0
    assert linger_seconds(3600, 10**6) == 3600


@given(st.floats(0, 10_000), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_wait_grows_with_the_batches_of_a_day_and_ends(base: float, one: int, two: int) -> None:
    less, more = sorted((one, two))
    assert base <= linger_seconds(base, less) <= linger_seconds(base, more)
    assert linger_seconds(base, more) <= max(base, MAX_LINGER)


def test_ten_files_a_minute_settle_near_a_hundred_batches_a_day() -> None:
    made: list[float] = []
    now = 0.0
    while now < 6 * 86_400:
        lately = sum(then > now - 86_400 for then in made)
        now += math.ceil(linger_seconds(20, lately) / 5) * 5 + 5  # a tick each five seconds
        made.append(now)
    days = [sum(day <= then / 86_400 < day + 1 for then in made) for day in range(1, 6)]
    assert all(90 <= n <= 125 for n in days), days
