"""A stage's run: current rows are kept, others are done again, failures are charged once a run."""

from __future__ import annotations

from typing import Any

import pytest

from io_managers.publish import Staged, publish_staged
from io_managers.stage_run import StageRun, Subject
from io_managers.versions import StageVersion
from resources.errors import VersionNotAcceptedError
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
