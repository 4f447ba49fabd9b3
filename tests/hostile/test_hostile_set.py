"""The hostile set, ingested in one batch with ordinary documents by the command that users run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.errors import ErrorClass
from resources.settings import load_settings
from sensors.scan import tick
from tests.end_to_end.running import Place
from tests.hostile.case import Draft, Hostile
from tests.hostile.cases import ALL
from tests.hostile.ingesting import (
    DOCUMENT_SECONDS,
    Outcome,
    a_place,
    differences,
    ingest,
    land,
    outcomes,
)

ORDINARY = tuple(
    Hostile(f"{name}.pdf", Draft(words, n).file, "harmless", n_pages=n, text=words)
    for name, words, n in (
        ("ordinary-first", "keeping bees", 12),
        ("ordinary-middle", "mending nets", 1),
        ("zzz-ordinary-last", "setting clocks", 40),
    )
)
MANY = 20_000
QUICK = (*ORDINARY, *(case for case in ALL if not case.slow))
SLOW = (*ORDINARY, *(case for case in ALL if case.slow and case.n_pages != MANY))
LONG = tuple(case for case in ALL if case.n_pages == MANY)
NOT_OF_FILES = {
    # Of models, budgets and hosts, not of files.
    *("summary_failed", "refused", "truncated_output", "rate_limited", "budget", "interrupted"),
    # No file that we know makes today's parser crash or answer rubbish: `test_parser_faults.py`.
    *("crash", "invalid_output"),
    # `test_sources_that_go_and_change` below, and OCR's own tests.
    *("source_missing", "source_changed", "ocr_failed"),
    "unknown",
}


@dataclass(frozen=True)
class Ingested:
    """The set after `quire ingest`."""

    place: Place
    code: int
    report: dict[str, object]
    seconds: float
    found: dict[str | bytes, Outcome]


def _ingested(root: Path, cases: Sequence[Hostile], **settings: str) -> Ingested:
    place = a_place(root, **settings)
    land(place, cases)
    code, report, seconds = ingest(place)
    return Ingested(place, code, report, seconds, outcomes(place, [case.name for case in cases]))


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """What needs no model: the text layer alone is read, so that it takes about a minute."""
    root = tmp_path_factory.mktemp("hostile") / "place"
    return _ingested(root, QUICK, ocr="off", layout="off")


def require_expected(ingested: Ingested, cases: Sequence[Hostile]) -> None:
    """The parent lived, and every file is where it should be."""
    assert ingested.code == 3
    assert ingested.report["failed_runs"] == {}
    assert ingested.report["seen"] == len(cases)
    assert differences(cases, ingested.found) == []
    assert not Path("/tmp/quire-pwned").exists()
    assert not (ingested.place.root / "pwned").exists()


@pytest.mark.xdist_group("hostile")
def test_every_file_is_in_its_state_with_its_class(quick: Ingested) -> None:
    require_expected(quick, QUICK)


@pytest.mark.xdist_group("hostile")
def test_ordinary_documents_beside_them_are_complete(quick: Ingested) -> None:
    for case in ORDINARY:
        found = quick.found[case.name]
        assert (found.state, found.n_pages, found.failed) == ("done", case.n_pages, ())
        for number in range(1, (case.n_pages or 0) + 1):
            assert f"Page {number} is about {case.text} and little else." in found.said


@pytest.mark.xdist_group("hostile")
def test_each_document_ends_within_its_clock(quick: Ingested) -> None:
    """The document's clock is the pool's last resort: nothing of this set needs it."""
    errors = [error for outcome in quick.found.values() for error in outcome.errors]
    assert errors
    assert not [error for error in errors if "QUIRE_DOC_TIMEOUT" in error]
    pages = quick.place.lake.read("pages", ["doc_id", "elapsed_ms"])
    spent = pages.group_by("doc_id").sum()["elapsed_ms"].to_list()
    assert max(spent) < DOCUMENT_SECONDS * 1000


@pytest.mark.xdist_group("hostile")
def test_the_tables_agree_with_each_other(quick: Ingested) -> None:
    code, out, err = quick.place.run("audit")
    assert code == 0, out + err


def test_every_class_that_files_can_cause_is_expected_of_one() -> None:
    expected = {error_class for case in ALL for error_class in case.classes}
    certain = {case.classes[0] for case in ALL if len(case.classes) == 1}
    every = {str(error_class) for error_class in ErrorClass}
    assert every - NOT_OF_FILES <= certain
    assert "unknown" not in expected
    assert len(ALL) >= 60


@pytest.mark.slow
def test_what_layout_and_ocr_have_to_look_at(tmp_path: Path) -> None:
    """With a page clock that ordinary pages keep beside others on a busy machine."""
    found = _ingested(tmp_path / "place", SLOW, page_timeout="10", worker_memory_mb="2048")
    require_expected(found, SLOW)


@pytest.mark.slow
def test_twenty_thousand_pages_are_a_document(tmp_path: Path) -> None:
    found = _ingested(tmp_path / "place", LONG, ocr="off", layout="off", doc_timeout="1800")
    assert (found.code, found.report["failed_runs"]) == (0, {})
    assert differences(LONG, found.found) == []


def test_sources_that_go_and_change_between_scan_and_run(tmp_path: Path) -> None:
    place = a_place(tmp_path / "place", ocr="off", layout="off")
    names = ("goes", "changes", "stays")
    cases = [Hostile(f"{name}.pdf", Draft(f"what {name}").file, "") for name in names]
    land(place, cases)
    settings = load_settings(place.environment)
    assert tick(place.lake, settings, [settings.landing], linger=False).n_taken == 3
    (place.landing / "goes.pdf").unlink()
    (place.landing / "changes.pdf").write_bytes(Draft("something else").file())
    code, report, _ = ingest(place)
    assert (code, report["failed_runs"]) == (3, {})
    rows = place.lake.read("files").sort("batch", "file_name").to_dicts()
    assert [(row["file_name"], row["error_class"]) for row in rows] == [
        ("changes.pdf", "source_changed"),
        ("goes.pdf", "source_missing"),
        ("stays.pdf", None),
        ("changes.pdf", None),  # what it is now, in a batch of its own
    ]
