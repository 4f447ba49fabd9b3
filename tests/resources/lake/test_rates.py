"""What work takes in a lake: honest before there is history, its own afterwards, and quick."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from io_managers.staging import Staged
from io_managers.usage import Work, settle, sized
from io_managers.versions import StageVersion, register
from resources.lake.lake import Lake
from resources.lake.rates import OCR_PAGE, RECENT, TEXT_PAGE, Rates, read_rates
from resources.settings import Settings, load_settings
from resources.workers.spent import Spent
from sensors.batching import CutRule, batch_seconds

SIZE = 300_000


def version(*, layout: str = "on") -> StageVersion:
    return StageVersion("pages", 1, "rapidocr", {"layout": layout})


def book(lake: Lake, run_id: str, stage: str, work: Work, seconds: float, of: str) -> None:
    work.add(Spent(seconds, seconds / 2))
    settle(lake, Staged(stage, f"b-{run_id}", of, 1, {}, run_id=run_id, work=work))


def book_run(
    lake: Lake,
    run_id: str,
    *,
    documents: int = 20,
    text: tuple[int, float] = (5, 0.4),
    ocr: tuple[int, float] = (0, 0.0),
    of: str | None = None,
) -> None:
    """A run over documents of `SIZE`, with so many pages each of so many seconds."""
    of = version().name if of is None else of
    triage, pages, docs = Work(), Work(), Work()
    triage.did(sized("files", SIZE), n=documents)
    book(lake, run_id, "files", triage, 1.0 + 0.02 * documents, of)
    seconds = 0.5
    for kind, (n, each) in (("text_layer", text), ("ocr", ocr)):
        for _ in range(n * documents):
            pages.did(sized(kind, SIZE), each * 1000)
            seconds += each
    book(lake, run_id, "pages", pages, seconds, of)
    n_pages = (text[0] + ocr[0]) * documents
    docs.did("documents", n=documents)
    book(lake, run_id, "docs", docs, 0.2 + 0.03 * n_pages, of)


@pytest.fixture
def on(settings: Settings) -> Settings:
    return replace(settings, layout=True)


def test_before_there_is_history_the_defaults_hold(lake: Lake, on: Settings) -> None:
    rates = read_rates(lake, on)
    assert (rates.n_runs, rates.text_page, rates.ocr_page) == (
        0,
        TEXT_PAGE[True],
        OCR_PAGE["rapidocr"],
    )
    assert read_rates(lake, replace(on, layout=False)).text_page == TEXT_PAGE[False]
    assert read_rates(lake, replace(on, ocr="off")).ocr_page < 0.1
    assert lake.get(RECENT) is None


def test_history_counts_for_more_the_more_there_is(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    book_run(lake, "r0", documents=2)
    few = read_rates(lake, on)
    assert TEXT_PAGE[True] < few.text_page < 0.3
    for number in range(1, 20):
        book_run(lake, f"r{number}", documents=10 + number)
    many = read_rates(lake, on)
    assert many.n_runs == 20
    assert many.text_page == pytest.approx(0.4, rel=0.05)
    assert many.ocr_page == OCR_PAGE["rapidocr"]
    assert many.document == pytest.approx(0.02, rel=0.3)
    assert many.page == pytest.approx(0.03, rel=0.3)
    text, ocr = many.pages(SIZE)
    assert text == pytest.approx(5, rel=0.2)
    assert ocr < 0.2


def test_scans_and_text_of_one_size_are_expected_as_often_as_seen(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    for number in range(10):
        book_run(lake, f"t{number}", text=(8, 0.2))
        book_run(lake, f"s{number}", text=(0, 0.0), ocr=(2, 3.0))
    rates = read_rates(lake, on)
    text, ocr = rates.pages(SIZE)
    assert text == pytest.approx(4, rel=0.1)
    assert ocr == pytest.approx(1, rel=0.1)
    assert rates.worker_seconds(SIZE) == pytest.approx(4 * 0.2 + 3.0 + 5 * 0.03 + 0.02, rel=0.1)


def test_pages_of_other_settings_say_nothing_of_seconds(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    for number in range(20):
        book_run(lake, f"r{number}")
    off = replace(on, layout=False)
    assert read_rates(lake, off).text_page == TEXT_PAGE[False]
    assert read_rates(lake, off).pages(SIZE) == read_rates(lake, on).pages(SIZE)
    register(lake, version(layout="off"), "off")
    book_run(lake, "r99", documents=50, text=(5, 0.02), of=version(layout="off").name)
    assert read_rates(lake, off).text_page == pytest.approx(0.018, abs=0.003)
    assert read_rates(lake, on).text_page == TEXT_PAGE[True]


def test_only_the_newest_runs_count(
    lake: Lake, on: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.lake.rates.RUNS", 15)
    register(lake, version(), "block")
    for number in range(5):
        book_run(lake, f"old{number}", documents=2, text=(1, 9.0))
    assert read_rates(lake, on).text_page > 1
    for number in range(15):
        book_run(lake, f"new{number}", documents=20, text=(1, 0.3))
    rates = read_rates(lake, on)
    assert rates.n_runs == 15
    assert rates.text_page == pytest.approx(0.3, rel=0.1)


def test_what_is_kept_of_the_last_look_may_be_lost_or_torn(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    book_run(lake, "r1")
    first = read_rates(lake, on)
    book_run(lake, "r2", documents=40)
    second = read_rates(lake, on)
    assert second != first
    for torn in (b"", b"{", b"[]", b'{"mark": 1}'):
        lake.put(RECENT, torn)
        assert read_rates(lake, on) == second
    lake.delete(RECENT)
    assert read_rates(lake, on) == second


def test_a_look_at_an_unchanged_table_is_quick(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    for number in range(30):
        book_run(lake, f"r{number}", documents=3)
    read_rates(lake, on)
    started = time.process_time()
    for _ in range(5):
        read_rates(lake, on)
    assert (time.process_time() - started) / 5 < 0.1


def test_predicted_seconds_are_those_that_the_runs_took(lake: Lake, on: Settings) -> None:
    register(lake, version(), "block")
    for number in range(20):
        book_run(lake, f"r{number}", documents=5 + 2 * number)
    rates = read_rates(lake, on)
    n = 100
    took = 1.0 + 0.02 * n + 0.5 + 5 * n * 0.4 + 0.2 + 0.03 * 5 * n
    rule = CutRule(300, 1000, 2, replace(rates, run=0.0, serial_document=0.0))
    assert batch_seconds([SIZE] * n, rule) == pytest.approx(took / 2, rel=0.1)


def test_defaults_are_those_of_the_settings_that_come_with_quire() -> None:
    settings = load_settings({})
    assert read_rates(Lake("/nonexistent/lake"), settings) == Rates()
