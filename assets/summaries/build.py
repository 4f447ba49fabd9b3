"""Summaries of a batch: every document gets a row, from the summariser that the settings name.

Here: the stage's plain function, and extractive summaries, which the workers share. Not here: how a
summary is made (`resources/summariser`), or what language models are asked (`model.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

import polars as pl

from assets.ahead import ahead
from assets.answers import fault_of
from assets.context import Place, StageContext, digest, owned_documents
from assets.items import do_documents
from assets.summaries.model import model_records
from assets.versions import stage_version
from io_managers.failure_ledger import Subject
from io_managers.schemas import SUMMARIES
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from resources.errors import ErrorClass
from resources.summariser.base import SummaryRecord, without_summary
from resources.summariser.make import make_summariser
from resources.workers.pool import TaskFailure

DOCUMENTS_AT_ONCE: Final = 256
_COLUMNS: Final = tuple(field.name for field in fields(SummaryRecord))
_EXTRACT: Final = "assets.summaries.work:summarise"
_INPUT = ["doc_id", "content_sha256", "status", "title", "markdown"]


def build_summaries(context: StageContext) -> Staged:
    """Summarise every document whose text differs from what its summary was made of."""
    lake, batch = context.lake, context.batch
    version = stage_version("summaries", context.settings)
    run = StageRun(lake, version, batch, context.run_id, gate=context.settings.gate)
    documents = lake.read("docs", _INPUT[:3], batch=batch)
    inputs = _inputs(documents)
    failed = set(documents.filter(pl.col("status") == "failed")["doc_id"])
    carried = set(run.carry(inputs, settled=failed)["doc_id"])
    run.counts["carried"] = len(carried)
    done = carried | set(run.resumed.units)
    todo = [doc_id for doc_id in inputs if doc_id not in done]
    total = len(todo) + len(run.resumed.units)
    causes = dict(
        owned_documents(lake, batch).select("doc_id", "error_class").drop_nulls().iter_rows()
    )
    for record in _records(context, run, todo):
        row: dict[str, Any] = {**record.as_row(), "input_sha256": inputs[record.doc_id]}
        if row["status"] == "failed" and record.doc_id in failed:
            # The document failed before this stage, which has nothing of its own to charge.
            row["error_class"] = causes.get(record.doc_id) or row["error_class"]
        elif row["error_class"] is not None:
            run.fail(Subject(record.doc_id, None), row["error_class"], row["error"] or "")
        run.add("summaries", row, 300 + len(row["summary"] or ""))
        run.counts["documents"] += 1
        run.counts[f"summaries_{row['status']}"] += 1
        run.counts["input_tokens"] += row["input_tokens"] or 0
        run.counts["output_tokens"] += row["output_tokens"] or 0
        context.progress.report("summaries", batch, run.counts["documents"], total)
        run.work.did("documents")
        if context.settings.summariser == "extractive":  # calls of models are in `usage` one by one
            run.work.paid(row["input_tokens"], row["output_tokens"], row["cost_usd"])
        run.done(record.doc_id)
    return run.finish()


def documents_to_do(context: Place) -> list[str]:
    """Documents of a batch that have no current summary and are not in quarantine.

    What a run of the stage would do, told without beginning one.
    """
    lake, batch = context.lake, context.batch
    version = stage_version("summaries", context.settings).name
    documents = lake.read("docs", _INPUT[:3], batch=batch)
    inputs = _inputs(documents)
    failed = documents.filter(pl.col("status") == "failed")["doc_id"]
    final = pl.col("error_class").is_null() | pl.col("doc_id").is_in(failed.to_list())
    rows = lake.read(
        "summaries", ["doc_id", "version", "input_sha256", "error_class"], batch=batch
    ).filter(final & (pl.col("version") == version))
    current = set(rows.select("doc_id", "input_sha256").iter_rows())
    given_up = lake.read("failures", ["doc_id", "stage", "version", "quarantined"], batch=batch)
    given_up = given_up.filter(
        (pl.col("stage") == "summaries") & (pl.col("version") == version) & pl.col("quarantined")
    )
    left_out = set(given_up["doc_id"])
    return [d for d, given in inputs.items() if (d, given) not in current and d not in left_out]


def _inputs(documents: pl.DataFrame) -> dict[str, str]:
    rows = documents.select(_INPUT[:3]).iter_rows()
    return {doc_id: digest(content, status) for doc_id, content, status in rows}


def _records(context: StageContext, run: StageRun, todo: Sequence[str]) -> Iterator[SummaryRecord]:
    """One record per document, each as soon as it is done."""
    if context.settings.summariser != "extractive":
        return model_records(context, run, todo)
    return _extracts(context, run, todo)


def _extracts(context: StageContext, run: StageRun, todo: Sequence[str]) -> Iterator[SummaryRecord]:
    """The extractive summariser is plain work: the workers share it."""
    summariser = make_summariser(context.settings)
    items = ((row["doc_id"], {"row": row}) for rows in ahead(_rows(context, todo)) for row in rows)
    for doc_id, record in do_documents(context, run, _EXTRACT, items):
        if not isinstance(record, TaskFailure):
            fault = fault_of(SUMMARIES, {**record, "doc_id": doc_id}, _COLUMNS)
            if fault is not None:
                record = TaskFailure(ErrorClass.INVALID_OUTPUT, fault)  # noqa: PLW2901
        if isinstance(record, TaskFailure):
            yield without_summary(summariser, doc_id, "failed", record.error_class, record.error)
        else:
            yield SummaryRecord(**{**record, "doc_id": doc_id})


def _rows(context: StageContext, todo: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """The rows of `docs`, some documents at a time: a book's markdown has megabytes."""
    for first in range(0, len(todo), DOCUMENTS_AT_ONCE):
        chunk = list(todo[first : first + DOCUMENTS_AT_ONCE])
        frame = context.lake.scan("docs", _INPUT, batch=context.batch)
        yield frame.filter(pl.col("doc_id").is_in(chunk)).collect().to_dicts()
