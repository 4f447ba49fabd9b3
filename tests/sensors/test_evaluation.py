"""The job `evaluate`: a verdict in the UI, red when a version is rejected."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

import sensors.evaluation
from assets.evals.kept import all_runs
from sensors.evaluation import evaluate_job
from tests.assets.evals.damage import drop_lines
from tests.assets.evals.evaluating import make_golden, make_place, revision_of_pages


def test_the_job_judges_and_says_so(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", make_golden(tmp_path / "golden"))
    with mock.patch.object(sensors.evaluation, "shared_pool", return_value=place.workers):
        job = evaluate_job(place.settings())
        first = job.execute_in_process(instance=dg.DagsterInstance.ephemeral())
        assert first.success
        with revision_of_pages(lambda text: drop_lines(text, every=4)):
            worse = job.execute_in_process(
                instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
            )
    assert not worse.success
    (event,) = worse.filter_events(lambda e: e.is_step_failure)
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    assert "text is missing" in (failure.description or "")
    newest = all_runs(place.lake)[0]
    report = failure.metadata["report"]
    assert isinstance(report, dg.PathMetadataValue)
    assert report.path == f"{place.lake.root}/_quire/evals/{newest.run_id}/report.html"
    verdicts = failure.metadata["verdicts"]
    assert isinstance(verdicts, dg.TableMetadataValue)
    assert [record.data["verdict"] for record in verdicts.records] == ["rejected"]


def test_what_stops_it_is_told_in_one_line(tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    golden.mkdir()
    job = evaluate_job(make_place(tmp_path / "place", golden).settings())
    with pytest.raises(dg.Failure) as caught:
        job.execute_in_process(instance=dg.DagsterInstance.ephemeral())
    assert "there is no PDF in it" in (caught.value.description or "")
