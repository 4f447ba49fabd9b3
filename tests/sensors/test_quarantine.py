"""Quarantine in the UI: one job lists it, one lets documents out, the sensor runs their batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pymupdf
import pytest

from definitions import INGEST_JOB, build_defs
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.settings import Settings
from sensors.new_pdfs import new_pdfs_sensor


def locked(path: Path) -> None:
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "What was locked can be read now.")
        document.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="sesame")


def run(settings: Settings, instance: dg.DagsterInstance, job: str, **more: Any) -> Any:
    found = build_defs(settings, pools=False).resolve_job_def(job)
    return found.execute_in_process(instance=instance, raise_on_error=False, **more)


def asked(settings: Settings, instance: dg.DagsterInstance) -> list[str | None]:
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    return [request.partition_key for request in result.run_requests or []]


def listed(outcome: Any) -> list[dict[str, Any]]:
    (event,) = [event for event in outcome.all_events if event.event_type_value == "STEP_OUTPUT"]
    records = event.event_specific_data.metadata["documents"].records
    return [dict(record.data) for record in records]


def release(settings: Settings, instance: dg.DagsterInstance, **config: object) -> Any:
    run_config = {"ops": {"release_quarantined": {"config": config}}}
    return run(settings, instance, "quarantine_release", run_config=run_config)


def test_a_released_document_goes_through(settings: Settings, instance: dg.DagsterInstance) -> None:
    locked(Path(settings.landing) / "locked.pdf")
    assert asked(settings, instance) == ["b00000001"]
    assert run(settings, instance, INGEST_JOB, partition_key="b00000001").success
    assert asked(settings, instance) == []
    (row,) = listed(run(settings, instance, "quarantine_list"))
    assert (row["file_name"], row["error_class"]) == ("locked.pdf", "encrypted")

    keyed = Settings(**{**vars(settings), "passwords": ("sesame",)})
    outcome = release(keyed, instance, documents=["locked.pdf"])
    assert outcome.success
    assert [row["file_name"] for row in listed(outcome)] == ["locked.pdf"]
    assert asked(keyed, instance) == ["b00000001"]
    assert run(keyed, instance, INGEST_JOB, partition_key="b00000001").success
    lake = Lake(settings.lake)
    assert LakeStates(lake).files["state"].to_list() == ["done"]
    assert "What was locked" in lake.read("docs")["markdown"][0]
    assert listed(run(keyed, instance, "quarantine_list")) == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "say what to release"),
        ({"documents": ["x' OR 'a'='a.pdf"]}, "x' OR 'a'='a.pdf"),
        ({"error_class": "sleepy"}, "is no error class"),
    ],
)
def test_what_cannot_be_released_is_said(
    settings: Settings, instance: dg.DagsterInstance, config: dict[str, Any], said: str
) -> None:
    locked(Path(settings.landing) / "locked.pdf")
    asked(settings, instance)
    run(settings, instance, INGEST_JOB, partition_key="b00000001")
    outcome = release(settings, instance, **config)
    assert not outcome.success
    (failure,) = [event for event in outcome.all_events if event.is_step_failure]
    assert said in failure.step_failure_data.user_failure_data.description
    assert len(listed(run(settings, instance, "quarantine_list"))) == 1
