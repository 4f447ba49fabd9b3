"""Rows of `evals`: a run's rows are there once, whoever writes them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from io_managers.evals import append_rows, eval_rows, is_written, run_ids
from resources.crash_points import EVAL_POINTS
from resources.errors import SchemaMismatchError
from resources.lake.lake import Lake
from tests.crashes.in_process import Killed, killed_at

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(case_id: str = "c1", **more: Any) -> dict[str, Any]:
    given = {"suite": "golden", "case_id": case_id, "metric": "cer", "subject": "pages"}
    return {**given, "version": "v1", "value": 0.25, **more}


def test_rows_come_back_as_they_were_given(lake: Lake) -> None:
    rows = [row("c2", explanation="why", passed=False), row("c1", suite="live", page_number=3)]
    assert append_rows(lake, "e1", rows, at=WHEN) == 2
    found = eval_rows(lake).to_dicts()
    assert [r["case_id"] for r in found] == ["c1", "c2"]
    assert found[1] | row("c2", explanation="why", passed=False) == found[1]
    assert found[0]["passed"] is None
    assert {r["evaluated_at"] for r in found} == {WHEN}
    assert eval_rows(lake, suite="live").height == 1
    assert eval_rows(lake, version="v2").is_empty()
    assert eval_rows(lake, run_id="e1", subject="pages", version="v1").height == 2


def test_a_run_that_is_tried_again_has_its_rows_once(lake: Lake) -> None:
    assert not is_written(lake, "e1")
    with pytest.raises(Killed), killed_at("evals.before_commit"):
        append_rows(lake, "e1", [row()])
    assert not is_written(lake, "e1")
    assert append_rows(lake, "e1", [row()]) == 1
    assert append_rows(lake, "e1", [row(), row("c2")]) == 0
    assert append_rows(lake, "e2", []) == 0
    assert is_written(lake, "e1")
    assert is_written(lake, "e2")
    assert eval_rows(lake).height == 1


def test_runs_at_once_all_have_their_rows_and_once(lake: Lake) -> None:
    names = [f"e{number % 4}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda name: append_rows(Lake(lake.root), name, [row()]), names))
    assert sum(written) == 4
    assert sorted(eval_rows(lake)["run_id"]) == ["e0", "e1", "e2", "e3"]


def test_a_key_that_repeats_and_a_name_that_is_a_path_are_refused(lake: Lake) -> None:
    with pytest.raises(SchemaMismatchError, match="'c1' for cer"):
        append_rows(lake, "e1", [row(), row(value=0.5)])
    with pytest.raises(SchemaMismatchError, match="name of an evaluation"):
        append_rows(lake, "../e1", [row()])
    assert eval_rows(lake).is_empty()
    assert run_ids(lake) == []
    assert "evals.before_commit" in EVAL_POINTS
