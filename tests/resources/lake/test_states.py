"""Every file and document is in exactly one state, told from the tables alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import polars as pl
import pytest

from io_managers.versions import StageVersion, register
from resources.lake.batch_states import batch_states
from resources.lake.batches import MAX_REQUESTS, record_request
from resources.lake.stale import stale_rows, target_versions
from resources.lake.states import (
    DOCUMENT_COLUMNS,
    STATES,
    document_states,
    files_states,
)
from resources.lake.summary import summary
from tests.lakes import ALL_GOOD, MIXED, Pdf, add_manifest, make_lake, publish_batch, rewrite

EXPECTED = {
    "report.pdf": "done",
    "scan.pdf": "done",
    "copy of report.pdf": "done",
    "broken.pdf": "quarantined",
    "gone.pdf": "quarantined",
    "slow page.pdf": "quarantined",
    "once slow.pdf": "waiting",
    "portfolio.pdf": "partial",
    "dear.pdf": "blocked",
}


def _by_name(frame: pl.DataFrame, column: str = "state") -> dict[str, str]:
    return dict(zip(frame["file_name"], frame[column], strict=True))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    publish_batch(make_lake(root), "b00000001", MIXED)
    return root


def test_every_manifest_row_has_exactly_one_state(mixed: Path) -> None:
    states = files_states(make_lake(mixed))
    assert states.height == len(MIXED)
    assert states["state"].is_in(list(STATES)).all()
    assert _by_name(states) == EXPECTED


def test_a_document_is_told_with_what_decides_its_state(mixed: Path) -> None:
    states = document_states(make_lake(mixed))
    assert tuple(states.columns) == DOCUMENT_COLUMNS
    rows = {row["file_name"]: row for row in states.to_dicts()}
    assert set(rows) == set(EXPECTED) - {"gone.pdf", "copy of report.pdf"}
    assert rows["report.pdf"]["title"] == "A report"
    assert rows["report.pdf"]["n_pages"] == 2
    assert rows["report.pdf"]["error_class"] is None
    assert rows["broken.pdf"]["stage"] == "files"
    assert rows["broken.pdf"]["error_class"] == "corrupt"
    assert rows["slow page.pdf"]["stage"] == "pages"
    assert rows["slow page.pdf"]["error_class"] == "timeout"
    assert rows["portfolio.pdf"]["error_class"] == "unsupported"
    assert rows["dear.pdf"]["error_class"] == "budget"


def test_a_file_whose_source_is_gone_has_a_state_without_a_document(mixed: Path) -> None:
    row = files_states(make_lake(mixed)).filter(pl.col("file_name") == "gone.pdf").to_dicts()[0]
    assert row["doc_id"] is None
    assert (row["state"], row["error_class"]) == ("quarantined", "source_missing")


def test_an_empty_lake_has_no_states(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    assert files_states(lake).is_empty()
    assert document_states(lake).is_empty()
    assert summary(lake).n_files == 0
    assert summary(lake).ocr_share is None
    assert stale_rows(lake, target_versions(lake, {})).is_empty()


def test_files_of_an_unpublished_batch_wait_then_run(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    add_manifest(lake, "b00000001", ALL_GOOD)
    assert set(files_states(lake)["state"]) == {"waiting"}
    assert set(files_states(lake, {"b00000001"})["state"]) == {"running"}
    assert document_states(lake).is_empty()


@pytest.mark.parametrize("published", [1, 2, 3, 4])
def test_a_half_published_batch_waits(tmp_path: Path, published: int) -> None:
    lake = make_lake(tmp_path)
    stages = ("files", "pages", "images", "docs")[:published]
    publish_batch(lake, "b00000001", MIXED, stages)
    states = _by_name(files_states(lake))
    assert states["report.pdf"] == states["copy of report.pdf"] == "waiting"
    assert states["broken.pdf"] == "quarantined"
    assert batch_states(lake)["state"].to_list() == ["waiting"]
    assert batch_states(lake)["stages"].to_list() == [list(stages)]
    assert _by_name(files_states(lake, {"b00000001"}))["scan.pdf"] == "running"


def test_a_duplicate_has_its_owners_state_across_batches(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf("a.pdf", file_error="encrypted")])
    publish_batch(lake, "b00000002", [Pdf("b.pdf", content="a.pdf"), Pdf("c.pdf")])
    assert _by_name(files_states(lake)) == {
        "a.pdf": "quarantined",
        "b.pdf": "quarantined",
        "c.pdf": "done",
    }
    assert document_states(lake)["file_name"].to_list() == ["a.pdf", "c.pdf"]


def test_a_duplicate_of_a_batch_that_is_running_is_running(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf("a.pdf")], ["files"])
    publish_batch(lake, "b00000002", [Pdf("b.pdf", content="a.pdf")])
    assert set(files_states(lake, {"b00000001"})["state"]) == {"running"}


def test_quarantined_goes_before_running(mixed: Path) -> None:
    states = _by_name(files_states(make_lake(mixed), {"b00000001"}))
    assert states["broken.pdf"] == "quarantined"
    assert states["dear.pdf"] == "blocked"
    assert states["report.pdf"] == states["portfolio.pdf"] == states["once slow.pdf"] == "running"


def test_a_failure_of_a_version_that_is_no_longer_current_waits(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf("a.pdf", file_error="corrupt"), Pdf("b.pdf")])
    register(lake, StageVersion("files", 2, "test", {}), "off")
    assert _by_name(files_states(lake)) == {"a.pdf": "waiting", "b.pdf": "done"}
    stale = stale_rows(lake, target_versions(lake, {})).to_dicts()
    assert [(row["stage"], row["batch"], row["rows"]) for row in stale] == [
        ("files", "b00000001", 2)
    ]


def test_a_batch_asked_for_too_often_is_stuck(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    add_manifest(lake, "b00000001", ALL_GOOD)
    add_manifest(lake, "b00000002", [Pdf("z.pdf")])
    for _ in range(MAX_REQUESTS):
        record_request(lake, "b00000001", now=time.time() - 7200)
    record_request(lake, "b00000002")
    assert batch_states(lake)["state"].to_list() == ["stuck", "waiting"]
    assert batch_states(lake, {"b00000001"})["state"].to_list() == ["running", "waiting"]
    assert set(files_states(lake)["state"]) == {"waiting"}
    assert summary(lake).batches == {"running": 0, "waiting": 1, "stuck": 1, "finished": 0}


def test_the_summary_counts_what_the_states_say(mixed: Path) -> None:
    told = summary(make_lake(mixed))
    assert told.n_files == len(MIXED)
    assert told.files["done"] == 3
    assert told.documents["done"] == 2
    assert told.n_documents == len(MIXED) - 2
    assert told.duplicates == 1
    assert told.pages == 13
    assert told.pages_failed == 2
    assert told.ocr_share == pytest.approx(3 / 13)
    assert told.figures == 1
    assert told.failures == {
        "timeout": 2,
        "budget": 1,
        "corrupt": 1,
        "source_missing": 1,
        "unsupported": 1,
    }
    assert told.batches["finished"] == 1
    assert told.cost_usd == 0
    json.dumps(told.as_dict())


def test_a_file_lost_from_a_published_batch_still_has_a_state(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf("a.pdf"), Pdf("b.pdf")])
    rewrite(lake, "files", lambda rows: rows.filter(pl.col("file_name") == "a.pdf"))
    rewrite(lake, "contents", lambda rows: rows.filter(pl.col("owner_uri").str.ends_with("a.pdf")))
    assert _by_name(files_states(lake)) == {"a.pdf": "done", "b.pdf": "waiting"}


def test_a_failed_summary_that_is_not_retried_leaves_the_document_partial(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", [Pdf("a.pdf", summary_status="failed", attempts=1)])
    assert document_states(lake)["state"].to_list() == ["waiting"]
    rewrite(lake, "failures", lambda rows: rows.clear())
    states = document_states(lake).to_dicts()[0]
    assert (states["state"], states["stage"]) == ("partial", "summaries")
