"""Every page and summary of a batch by itself: errors that no true text is needed for.

Here: reading the batch's rows a chunk of documents at a time, and handing them to the workers, so
that it takes the same small share of a batch's time with any number of them. Not here: the measures
(`alone_work.py`), or what becomes of them (`live.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from assets.ahead import ahead
from assets.context import StageContext, chunks, owned_documents, rows_by_document
from assets.evals.base import METRICS, Measure
from assets.evals.earlier import Earlier
from assets.evals.live import Collected
from resources.workers.pool import Task, TaskResult

_MEASURE: Final = "assets.evals.alone_work:measure"
_PAGE: Final = ("doc_id", "page_number", "version", "status", "text", "source", "confidence")
_SUMMARY: Final = ("doc_id", "version", "status", "summary")
_DOC: Final = ("doc_id", "markdown")
SOURCE_CHARS: Final = 2_000_000
"""Of a document that a summary is measured against: a book of 800 pages. Of a longer one, the
start: each million characters costs half a second."""
TASK_CHARS: Final = 400_000
"""Of a task: half a second of work, so that no worker waits long for the last."""
TASK_ITEMS: Final = 200
_Item = dict[str, Any]


def measure_alone(context: StageContext, collected: Collected, earlier: Earlier) -> dict[str, str]:
    """Measure every page and summary of the batch whose measures are not known from before.

    Returns:
        Why pages and summaries could not be measured, by case.
    """
    left_out: dict[str, str] = {}
    documents = owned_documents(context.lake, context.batch).select("doc_id", "n_pages").to_dicts()
    total = len(documents) + sum(document["n_pages"] or 0 for document in documents)
    done = 0
    items_to_do = _unknown(_items(context, documents), collected, earlier)
    for result in context.workers.run(_tasks(items_to_do)):
        items = {item["unit"]: item for item in result.task.payload["items"]}
        done += len(result.task.units)
        for unit, measures in _answers(result):
            _collect(items[unit], measures, collected)
            earlier.add(items[unit]["key"], measures)
        if result.failure is not None:
            reason = f"{result.failure.error_class}: {result.failure.error}"
            for unit in result.failure.units or result.task.units:
                item = items[unit]
                left_out[f"{item['doc_id']}#{item['page_number'] or 'summary'}"] = reason
        context.progress.report("evals", context.batch, min(done, total), total)
    return left_out


def _unknown(items: Iterator[_Item], collected: Collected, earlier: Earlier) -> Iterator[_Item]:
    """Items to measure; the measures of the others are taken as they are known."""
    for item in items:
        key = earlier.key(*(item[name] for name in sorted(item) if name != "version"))
        known = earlier.get(key)
        if known is None:
            yield {**item, "key": key}
        else:
            _collect(item, known, collected)


def _collect(item: _Item, measures: Sequence[Measure], collected: Collected) -> None:
    collected.add(item["subject"], item["version"], item["doc_id"], item["page_number"], measures)


def _answers(result: TaskResult) -> Iterator[tuple[int, list[Measure]]]:
    """What a worker says, without what is no measure."""
    for record, _ in result.records():
        measures = record.get("measures")
        found = [_measure(each) for each in measures] if isinstance(measures, list) else []
        yield record["unit"], [measure for measure in found if measure is not None]


def _measure(told: object) -> Measure | None:
    match told:
        case [str(metric), float() | int() as value, str(explanation)] if metric in METRICS:
            return Measure(metric, float(value), explanation) if math.isfinite(value) else None
    return None


def _tasks(items: Iterator[_Item]) -> Iterator[Task]:
    """Tasks of about the same work."""
    held: list[_Item] = []
    chars = number = 0
    for item in items:
        size = len(item.get("text") or "") + len(item.get("source") or "")
        if held and (chars + size > TASK_CHARS or len(held) == TASK_ITEMS):
            number += 1
            yield _task(number, held)
            held, chars = [], 0
        held.append({**item, "unit": len(held)})
        chars += size
    if held:
        yield _task(number + 1, held)


def _task(number: int, items: list[_Item]) -> Task:
    units = tuple(item["unit"] for item in items)
    return Task(f"measures {number}", _MEASURE, {"items": items}, units)


def _items(context: StageContext, documents: list[dict[str, Any]]) -> Iterator[_Item]:
    for items in ahead(_chunks(context, documents)):
        yield from items


def _chunks(context: StageContext, documents: list[dict[str, Any]]) -> Iterator[list[_Item]]:
    for chunk in chunks(documents):
        names = [document["doc_id"] for document in chunk]
        yield [*_pages(context, names), *_summaries(context, names)]


def _pages(context: StageContext, documents: list[str]) -> Iterator[_Item]:
    pages = rows_by_document(context.lake, "pages", context.batch, documents, _PAGE)
    for rows in pages.values():
        for row in rows:
            origin = row.pop("source")
            yield {"subject": "pages", **row, "origin": origin}


def _summaries(context: StageContext, documents: list[str]) -> Iterator[_Item]:
    lake, batch = context.lake, context.batch
    summaries = rows_by_document(lake, "summaries", batch, documents, _SUMMARY)
    start = pl.col("markdown").str.head(SOURCE_CHARS)
    docs = rows_by_document(lake, "docs", batch, documents, _DOC, start)
    for doc_id, rows in summaries.items():
        source = next((row["markdown"] for row in docs[doc_id]), None) or ""
        for row in rows:
            yield {"subject": "summaries", **row, "page_number": None, "source": source}
