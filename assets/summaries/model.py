"""Summaries of a batch by a language model, local or served.

Here: the engine of a run, the documents in the order that they are asked about, and the requests
that a batch still needs. Not here: how answers come to be (`generate.py`), or rows (`build.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from assets.context import Place, StageContext
from assets.summaries.asking import Asking
from assets.summaries.documents import Document
from assets.summaries.generate import Generating
from assets.summaries.prompt import Limits
from assets.summaries.similar import groups_of, in_groups, signature
from io_managers.completions import Completions, OnlyRead
from io_managers.ends import TOO_LARGE
from io_managers.intents import Intents
from io_managers.stage_run import StageRun
from resources.budget.engine import budgeted
from resources.budget.ledger import Spender
from resources.errors import ErrorClass
from resources.llm.base import Engine, Request
from resources.llm.make import make_engine
from resources.summariser.base import SummaryRecord

if TYPE_CHECKING:
    from resources.llm.openai_batch.engine import OpenAIBatchEngine

DOCUMENTS_AT_ONCE: Final = 32
"""Documents of which the text is held, and the kept answers are looked up together."""
BATCH_API: Final = "openai_batch"
_INPUT: Final = ("doc_id", "status", "markdown")


def model_records(
    context: StageContext, run: StageRun, todo: Sequence[str]
) -> Iterator[SummaryRecord]:
    """One record per document, as they are done; good answers are kept in the lake before.

    Args:
        context: The lake, the settings and the batch.
        run: Takes notes of whose questions the model has.
        todo: The documents.

    Raises:
        SettingError: The engine cannot be made of these settings.
        EngineError: The engine cannot go on.
        LakeError: The lake cannot be read or written.
    """
    completions = Completions(context.paying, context.batch)
    if todo:  # else neither a model nor a server is asked for anything
        with closing(_paid_engine(context, run)) as engine, run.intents.working():
            asking = _asking(context, engine)
            for some, alone in _together(run.intents, todo):
                windows = _windows(context, asking, some)
                generating = Generating(completions, windows, run.intents, alone=alone)
                yield from generating.run(engine)
            yield from _given_up(run.intents, asking, todo)
    completions.fold()


def _paid_engine(context: StageContext, run: StageRun) -> Engine:
    """The engine of the settings, under the lake's budget; its calls are booked in `usage`.

    That of a Batch API makes none: its jobs were booked when they were sent and brought home.
    """
    if context.settings.summariser == BATCH_API:
        from assets.summaries.provider import answered_engine

        return answered_engine(context)
    spender = Spender(run.run_id, run.stage, context.batch, run.version)
    return budgeted(make_engine(context.settings), context.paying, context.settings, spender)


def unanswered_requests(
    context: Place, engine: OpenAIBatchEngine, todo: Sequence[str]
) -> dict[str, Request]:
    """What has to be asked for these documents beyond what the engine has answers to, by key.

    Its answers are judged, so that questions that follow from them are among these. Nothing is
    kept: that is for the run that publishes, whose rows say what each document cost.
    """
    engine.unanswered = {}
    windows = _windows(context, _asking(context, engine), todo)
    generating = Generating(OnlyRead(context.lake, context.batch), windows)
    for _ in generating.run(engine):
        pass  # a document without all answers has no record that counts
    found, engine.unanswered = engine.unanswered, None
    return found


def _asking(context: Place, engine: Engine) -> Asking:
    return Asking(engine, Limits(context.settings.summary_tokens))


def _together(intents: Intents, todo: Sequence[str]) -> Iterator[tuple[list[str], bool]]:
    """Documents that are done with others, then alone those that runs died with in hand."""
    fit = [
        name for name in todo if not intents.is_given_up(name) and not intents.is_too_large(name)
    ]
    if with_others := [name for name in fit if not intents.runs_alone(name)]:
        yield with_others, False
    yield from (([name], True) for name in fit if intents.runs_alone(name))


def _given_up(intents: Intents, asking: Asking, todo: Sequence[str]) -> Iterator[SummaryRecord]:
    """Records of documents that ended runs even when they were alone."""
    for name in todo:
        if intents.is_too_large(name):
            yield Document(name, asking, {}).left(ErrorClass.MEMORY, TOO_LARGE)
        elif intents.is_given_up(name):
            error = (
                f"{intents.interruptions(name)} runs died while the model had this document: give "
                "it more memory, or choose another QUIRE_MODEL"
            )
            yield Document(name, asking, {}).left(ErrorClass.INTERRUPTED, error)


def _windows(context: Place, asking: Asking, todo: Sequence[str]) -> Iterator[list[Document]]:
    """The documents some at a time, those that are alike one after another."""
    signatures = {
        row["doc_id"]: signature(row["markdown"] or "")
        for rows in _rows(context, todo)
        for row in rows
    }
    groups = groups_of(signatures)
    for rows in _rows(context, in_groups(todo, groups)):
        yield [Document(row["doc_id"], asking, row, groups.get(row["doc_id"], "")) for row in rows]


def _rows(context: Place, todo: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Rows of `docs` in the order that is asked for, some at a time."""
    for first in range(0, len(todo), DOCUMENTS_AT_ONCE):
        chunk = list(todo[first : first + DOCUMENTS_AT_ONCE])
        frame = context.lake.scan("docs", _INPUT, batch=context.batch)
        rows = frame.filter(pl.col("doc_id").is_in(chunk)).collect().to_dicts()
        yield sorted(rows, key=lambda row: chunk.index(row["doc_id"]))
