"""What is kept of evaluation runs comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

from assets.evals.base import (
    Comparison,
    DocumentReading,
    EvalRun,
    PageReading,
    Readings,
    Result,
    Verdict,
)
from assets.evals.kept import (
    Reading,
    all_runs,
    append_results,
    find_readings,
    keep_readings,
    keep_report,
    keep_run,
    read_readings,
    read_report,
    read_results,
    read_run,
)
from io_managers.evals import object_path
from resources.lake.lake import Lake

COMPARISON = Comparison(
    "live", "words_missing", 12, 0.01, 0.06, 0.05, 0.03, "fail", "text is missing", ("a#1", "b#2")
)
VERDICT = Verdict("pages", "pages-r4", "pages-r3", False, ("text is missing",), (COMPARISON,))


def run(run_id: str, *verdicts: Verdict) -> EvalRun:
    started = datetime(2026, 11, 23, 8, 0, 1, tzinfo=UTC)
    return EvalRun(
        run_id, started, {"pages": "p2"}, {"pages": "p1"}, "g", 30, 12, verdicts, 9.5, notes=("n",)
    )


def readings() -> Readings:
    page = PageReading("a" * 64, 1, "ok", "text\x00 \U0001f4a9", "# text", "ocr", "x", 0.9, 1)
    bad = PageReading("a" * 64, 2, "failed", "", error_class="ocr_failed")
    whole = DocumentReading(
        "a" * 64, "a.pdf", "file:///a.pdf", "partial", "A", "# text", (page, bad), "sum", "ok", 1
    )
    none = DocumentReading("", "b.pdf", "file:///b.pdf", "failed", error_class="corrupt")
    return Readings({"pages": "p2"}, (whole, none), {"pages": 1.5}, None)


def test_runs_come_back_the_newest_first(lake: Lake) -> None:
    assert all_runs(lake) == []
    older, newer = run("e20261123-080001-aaaa"), run("e20261124-080001-aaaa", VERDICT)
    keep_run(lake, newer)
    keep_run(lake, older)
    lake.put(object_path("e20261125-1", "run.json"), b'{"torn')
    lake.put(object_path("e20261126-1", "readings-golden-new.parquet"), b"only begun")
    assert all_runs(lake) == [newer, older]
    assert read_run(lake, newer.run_id) == newer
    assert read_run(lake, "e20261125-1") is None


def test_results_come_back(lake: Lake) -> None:
    results = [
        Result("golden", "c1", "cer", "pages", "p2", 0.1, False, "why"),
        Result("live", "a#1@clean", "cer", "pages", "p2", 0.2, None, "", "b00000001", "a" * 64, 1),
    ]
    append_results(lake, "e1", results)
    assert append_results(lake, "e1", results) == 0
    assert read_results(lake, run_id="e1") == [results[1], results[0]]
    assert read_results(lake, suite="golden", version="p2") == results[:1]


def test_readings_are_found_by_what_was_read_with_which_versions(lake: Lake) -> None:
    found = readings()
    reading = Reading("golden-hash", {"pages": "p2"})
    assert find_readings(lake, reading) is None
    keep_readings(lake, "e1", "golden-new", found, reading)
    assert find_readings(lake, reading) == found
    assert read_readings(lake, "e1", "golden-new") == found
    assert read_readings(lake, "e1", "golden-old") is None
    assert find_readings(lake, Reading("golden-hash", {"pages": "p3"})) is None
    assert find_readings(lake, Reading("other", {"pages": "p2"})) is None
    lake.put(object_path("e1", "readings-golden-new.parquet"), b"PAR1 torn")
    assert find_readings(lake, reading) is None


def test_a_report_is_kept_where_it_says(lake: Lake) -> None:
    assert read_report(lake, "e1") is None
    address = keep_report(lake, "e1", b"<html>")
    assert address == f"{lake.root}/_quire/evals/e1/report.html"
    assert read_report(lake, "e1") == b"<html>"
