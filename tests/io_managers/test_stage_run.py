"""A stage's run: current rows are kept, others are done again, failures are charged once a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from io_managers.contents import claim
from io_managers.failure_ledger import Subject
from io_managers.publish import publish_failures, publish_staged
from io_managers.stage_run import MICRO_BATCH_BYTES, StageRun
from io_managers.staging import Staged
from io_managers.versions import StageVersion, accepted_version, register
from resources.errors import VersionNotAcceptedError
from resources.lake.batches import retryable_batches
from resources.lake.lake import Lake
from tests.io_managers.rows import VERSION, doc_row


def row(doc_id: str, given: str, text: str = "words") -> dict[str, Any]:
    return {**doc_row(doc_id, "b1", text), "input_sha256": given}


def run_docs(
    lake: Lake,
    inputs: dict[str, str],
    *,
    run_id: str = "r1",
    fails: dict[str, str] | None = None,
    text: str = "words",
) -> tuple[Staged, list[str]]:
    run = StageRun(lake, VERSION, "b1", run_id)
    kept = set(run.carry(inputs)["doc_id"])
    done = [doc_id for doc_id in inputs if doc_id not in kept]
    for doc_id in done:
        status = "failed" if doc_id in (fails or {}) else "ok"
        run.add("docs", {**row(doc_id, inputs[doc_id], text), "status": status}, 10)
        if status == "failed":
            run.fail(Subject(doc_id, None), (fails or {})[doc_id], "why")
    staged = run.finish()
    publish_staged(lake, staged)
    return staged, done


def test_current_rows_are_kept_and_only_others_are_done(lake: Lake) -> None:
    assert run_docs(lake, {"a": "1", "b": "1"})[1] == ["a", "b"]
    staged, done = run_docs(lake, {"a": "1", "b": "2", "c": "1"}, run_id="r2", text="new")
    assert done == ["b", "c"]
    assert not staged.unchanged
    found = dict(lake.read("docs", ["doc_id", "markdown"]).rows())
    assert found == {"a": "words", "b": "new", "c": "new"}


def test_a_run_with_nothing_to_do_changes_nothing(lake: Lake) -> None:
    run_docs(lake, {"a": "1"})
    staged, done = run_docs(lake, {"a": "1"}, run_id="r2")
    assert done == []
    assert staged.unchanged


def test_rows_whose_document_is_no_longer_wanted_go(lake: Lake) -> None:
    run_docs(lake, {"a": "1", "b": "1"})
    run_docs(lake, {"a": "1"}, run_id="r2")
    assert lake.read("docs")["doc_id"].to_list() == ["a"]


def failures(lake: Lake) -> list[tuple[str, int, bool]]:
    return lake.read("failures").select("doc_id", "attempts", "quarantined").rows()


def test_a_retryable_failure_is_tried_in_three_runs_then_quarantined(lake: Lake) -> None:
    for number in (1, 2, 3):
        _, done = run_docs(lake, {"a": "1", "b": "1"}, run_id=f"r{number}", fails={"a": "timeout"})
        assert "a" in done
        assert failures(lake) == [("a", number, number == 3)]
    assert run_docs(lake, {"a": "1", "b": "1"}, run_id="r4")[1] == []
    assert failures(lake) == [("a", 3, True)]


def test_a_permanent_failure_is_quarantined_at_once(lake: Lake) -> None:
    run_docs(lake, {"a": "1"}, fails={"a": "corrupt"})
    assert failures(lake) == [("a", 1, True)]
    assert run_docs(lake, {"a": "1"}, run_id="r2")[1] == []


def test_a_retried_step_of_one_run_is_charged_once(lake: Lake) -> None:
    for _ in range(3):
        run_docs(lake, {"a": "1"}, run_id="same", fails={"a": "crash"})
    assert failures(lake) == [("a", 1, False)]


def test_an_interruption_is_never_charged(lake: Lake) -> None:
    for number in range(5):
        run_docs(lake, {"a": "1"}, run_id=f"r{number}", fails={"a": "interrupted"})
    assert failures(lake) == [("a", 0, False)]


def test_a_failure_that_is_mended_is_gone(lake: Lake) -> None:
    run_docs(lake, {"a": "1"}, fails={"a": "memory"})
    run_docs(lake, {"a": "1"}, run_id="r2")
    assert failures(lake) == []
    assert lake.read("docs")["status"].to_list() == ["ok"]


def test_no_work_is_done_for_a_version_that_is_not_accepted(lake: Lake) -> None:
    run_docs(lake, {"a": "1"})
    with pytest.raises(VersionNotAcceptedError):
        StageRun(lake, StageVersion("docs", 2, "stitch", {}), "b1", "r2")


def test_a_crash_that_cleared_a_failure_does_not_make_the_row_final(lake: Lake) -> None:
    run_docs(lake, {"a": "1"}, fails={"a": "timeout"})
    run = StageRun(lake, VERSION, "b1", "r2")
    run.carry({"a": "1"})
    run.add("docs", row("a", "1", "mended"), 10)
    staged = run.finish()
    publish_failures(lake, staged, final=False)  # and here the process dies
    assert retryable_batches(lake) == ["b1"]
    run_docs(lake, {"a": "1"}, run_id="r3", text="mended")
    assert lake.read("docs")["markdown"].to_list() == ["mended"]
    assert failures(lake) == []


def test_a_mended_document_leaves_quarantine(lake: Lake) -> None:
    for number in range(3):
        run_docs(lake, {"a": "1"}, run_id=f"r{number}", fails={"a": "refused"})
    assert failures(lake) == [("a", 3, True)]
    run_docs(lake, {"a": "2"}, run_id="r9")
    assert failures(lake) == []


def test_files_whose_rows_all_stay_are_not_written_again(lake: Lake) -> None:
    inputs = {f"d{n}": "1" for n in range(5)}
    run = StageRun(lake, VERSION, "b1", "r1")
    run.carry(inputs)
    for doc_id in inputs:
        run.add("docs", row(doc_id, "1"), MICRO_BATCH_BYTES)  # a file each
    publish_staged(lake, run.finish())
    table = lake.open("docs")
    assert table is not None
    before = set(table.file_uris())
    assert len(before) == 5
    run_docs(lake, {**inputs, "d3": "2"}, run_id="r2", text="new")
    table = lake.open("docs")
    assert table is not None
    assert len(before & set(table.file_uris())) == 4
    found = dict(lake.read("docs", ["doc_id", "markdown"]).rows())
    assert found == {**dict.fromkeys(inputs, "words"), "d3": "new"}


def test_rows_whose_source_is_gone_are_kept_as_they_are(lake: Lake) -> None:
    run_docs(lake, {"a": "1", "b": "1", "c": "1"}, fails={"c": "corrupt"})
    run = StageRun(lake, VERSION, "b1", "r2")
    run.carry({"a": "2", "b": "2", "c": "2"})
    assert run.keep_published({"a", "c"}) == {"a"}
    run.add("docs", row("b", "2", "new"), 10)
    publish_staged(lake, run.finish())
    assert dict(lake.read("docs", ["doc_id", "markdown"]).rows()) == {"a": "words", "b": "new"}


def test_the_accepted_version_follows_settings_that_are_put_back(lake: Lake) -> None:
    other = StageVersion("docs", 2, "stitch", {})
    for version in (VERSION, other, VERSION):
        assert register(lake, version, "off") == "accepted"
        assert accepted_version(lake, "docs") == version.name


def test_a_claim_moves_only_from_an_owner_that_was_never_read(lake: Lake) -> None:
    assert claim(lake, "b1", {"d": "file:///a", "e": "file:///e"})["d"].batch == "b1"
    assert claim(lake, "b2", {"d": "file:///copy"})["d"].batch == "b1"
    version = StageVersion("files", 1, "pymupdf", {})
    run = StageRun(lake, version, "b1", "r1")
    run.fail(Subject(None, "file:///a"), "source_missing", "gone")
    publish_staged(lake, run.finish())
    owners = claim(lake, "b3", {"d": "file:///copy", "e": "file:///e2", "f": "file:///f"})
    assert {doc_id: owner.batch for doc_id, owner in owners.items()} == {
        "d": "b3",
        "e": "b1",
        "f": "b3",
    }
    assert lake.read("contents").sort("doc_id")["owner_batch"].to_list() == ["b3", "b1", "b3"]


def test_rows_from_before_a_column_was_added_are_carried_over(lake: Lake) -> None:
    run_docs(lake, {"a": "1", "b": "1"})
    (path,) = Path(lake.table_uri("docs")).glob("batch=b1/*.parquet")
    pl.read_parquet(path, hive_partitioning=False).drop("n_tokens").write_parquet(path)
    run_docs(lake, {"a": "1", "b": "2"}, run_id="r2", text="new")
    found = lake.read("docs").sort("doc_id")
    assert found["markdown"].to_list() == ["words", "new"]
    assert found["n_tokens"].to_list() == [None, 1]
