"""A spent budget costs no runs; once it is raised the blocked documents are done, and no others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cli.engine import batches_to_run
from cli.main import main
from definitions import INGEST_JOB
from io_managers.failure_ledger import Subject
from io_managers.publish import publish_staged
from io_managers.stage_run import StageRun
from resources.budget.amounts import Budget
from resources.budget.blocked import blocked_batches
from resources.budget.books import Books
from resources.errors import ErrorClass
from resources.lake.batches import HEAL_AFTER, MAX_REQUESTS, record_request, retryable_batches
from resources.lake.lake import Lake
from resources.lake.states import document_states
from resources.llm.base import Completion, Request
from resources.settings import Settings
from sensors.new_pdfs import new_pdfs_sensor
from tests.lakes import Pdf, accept_versions, publish_batch, version
from tests.resources.budget.scripted import Scripted, engine, request

BATCH = "b00000001"
PDFS = [Pdf(f"{name}.pdf") for name in "abcdef"]


def prepare(lake: Lake) -> None:
    """Everything is published but the summaries."""
    publish_batch(accept_versions(lake), BATCH, PDFS, ["files", "pages", "images", "docs"])


def summarise(lake: Lake, tokens: int, run_id: str) -> list[str]:
    """What the stage does with an engine under a budget; returns the documents it asked for."""
    run = StageRun(lake, version("summaries"), BATCH, run_id)
    inputs = {pdf.doc_id: "0" * 64 for pdf in PDFS}
    todo = [doc for doc in inputs if doc not in set(run.carry(inputs)["doc_id"])]
    inner = Scripted(window=2)
    asked = [replace(request(0), key=doc_id) for doc_id in todo]
    for answer in engine(lake, Budget(tokens=tokens), inner, run_id).generate(asked):
        stopped = answer.error_class is ErrorClass.BUDGET
        row: dict[str, Any] = {
            "doc_id": answer.key,
            "input_sha256": inputs[answer.key],
            "summary": answer.text,
            "summariser": "scripted",
            "cost_usd": answer.cost_usd,
            "status": "blocked" if stopped else "ok",
            "error_class": answer.error_class,
            "error": answer.error,
        }
        if stopped:
            run.fail(Subject(answer.key, None), ErrorClass.BUDGET, answer.error or "")
        run.add("summaries", row, 100)
        run.done(answer.key)
    publish_staged(lake, run.finish())
    return inner.taken


def states(lake: Lake) -> list[str]:
    return sorted(document_states(lake)["state"])


def blocked(lake: Lake, tokens: int | None) -> tuple[set[str], set[str]]:
    found = blocked_batches(Books(lake), Budget(tokens=tokens))
    return set(found.payable), set(found.waiting)


def test_a_raised_budget_does_the_blocked_documents_and_no_others(lake: Lake) -> None:
    prepare(lake)
    first = summarise(lake, 350, "r1")
    assert len(first) == 2
    assert states(lake) == ["blocked"] * 4 + ["done"] * 2
    assert retryable_batches(lake) == [BATCH]
    assert retryable_batches(lake, at_once=True) == []
    assert summarise(lake, 350, "r2") == []
    second = summarise(lake, 10_000, "r3")
    assert len(second) == 4
    assert not set(first) & set(second)
    assert states(lake) == ["done"] * 6
    assert retryable_batches(lake) == []


def test_refusals_are_charged_to_no_document(lake: Lake) -> None:
    prepare(lake)
    for number in range(5):
        summarise(lake, 0, f"r{number}")
    failures = lake.read("failures")
    assert set(failures["attempts"]) == {0}
    assert not failures["quarantined"].any()
    assert states(lake) == ["blocked"] * 6


def test_a_blocked_batch_waits_until_there_is_room_for_one_call(lake: Lake) -> None:
    prepare(lake)
    assert blocked(lake, 100) == (set(), set())
    summarise(lake, 350, "r1")
    assert blocked(lake, 350) == (set(), {BATCH})
    assert blocked(lake, 449) == (set(), {BATCH})
    assert blocked(lake, 450) == ({BATCH}, set())
    assert blocked(lake, None) == ({BATCH}, set())


def test_a_batch_that_its_provider_blocked_is_on_the_ordinary_schedule(lake: Lake) -> None:
    prepare(lake)
    summarise(lake, 350, "r1")
    lake.delete(f"_quire/refused/{BATCH}.json")
    assert blocked(lake, 350) == (set(), set())


def test_a_provider_without_quota_takes_over_from_a_budget_that_has_room(lake: Lake) -> None:
    class WithoutQuota(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            for answer in super().generate(requests):
                yield replace(answer, text=None, error_class=ErrorClass.BUDGET)

    prepare(lake)
    summarise(lake, 350, "r1")
    assert blocked(lake, 10_000) == ({BATCH}, set())
    list(engine(lake, Budget(tokens=10_000), WithoutQuota()).generate([request(1)]))
    assert blocked(lake, 10_000) == (set(), set())


def test_the_sensor_asks_for_no_run_that_a_spent_budget_would_block(
    lake: Lake, settings: Settings, instance: dg.DagsterInstance
) -> None:
    prepare(lake)
    summarise(lake, 350, "r1")
    context = dg.build_sensor_context(instance=instance)
    spent = new_pdfs_sensor(replace(settings, budget_tokens=350, gate="off"), INGEST_JOB)
    for _ in range(3):
        result = spent(context)
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        assert "1 batches wait for a larger budget" in str(result.skip_reason)
    for _ in range(MAX_REQUESTS):  # however often it was asked for before
        record_request(lake, BATCH, time.time() - HEAL_AFTER[-1])
    raised = new_pdfs_sensor(replace(settings, budget_tokens=500, gate="off"), INGEST_JOB)
    result = raised(context)
    assert isinstance(result, dg.SensorResult)
    assert [asked.partition_key for asked in result.run_requests or []] == [BATCH]
    again = raised(context)
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests  # its run has had no time to begin, or its server is away


def test_ingest_runs_no_batch_that_a_spent_budget_would_block(
    lake: Lake, settings: Settings
) -> None:
    prepare(lake)
    summarise(lake, 350, "r1")
    assert batches_to_run(lake, replace(settings, budget_tokens=350, gate="off")) == []
    assert batches_to_run(lake, replace(settings, budget_tokens=500, gate="off")) == [BATCH]
    assert batches_to_run(lake, settings) == [BATCH]


def test_status_tells_what_is_spent_held_and_blocked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(lake)
    summarise(lake, 350, "r1")
    monkeypatch.setenv("QUIRE_BUDGET_TOKENS", "350")
    monkeypatch.setenv("QUIRE_BUDGET_USD", "2.5")
    assert main(["status", "--lake", lake.root, "--check"]) == 4
    told = " ".join(capsys.readouterr().out.split())
    assert "budget: 300 of 350 tokens spent, 0 held" in told
    assert "budget: 0.0004 of 2.5 USD spent, 0.0000 held" in told
    assert "4 documents are blocked: raise QUIRE_BUDGET_USD or QUIRE_BUDGET_TOKENS" in told
    assert main(["status", "--lake", lake.root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spending"] == {
        "calls": 2,
        "calls_of_unknown_cost": 0,
        "usd": {"spent": pytest.approx(0.0004), "held": 0.0, "budget": 2.5},
        "tokens": {"spent": 300, "held": 0, "budget": 350},
    }


def test_a_lake_without_models_says_nothing_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_batch(accept_versions(Lake(str(tmp_path / "lake"))), BATCH, PDFS[:1])
    assert main(["status", "--lake", str(tmp_path / "lake")]) == 0
    assert "budget" not in capsys.readouterr().out
