"""A published batch, measured: every page and summary alone, and some pages against themselves.

Here: the plain function of the asset `evals`. Not here: the measures (`alone.py`,
`self_grading.py`), what is kept of them (`live.py`), or what is asked of them (`checks.py`).

The batch is finished without it: nothing that this does or fails to do changes a row of a stage.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Final

import polars as pl

from assets.context import StageContext
from assets.evals import live
from assets.evals.alone import measure_alone
from assets.evals.base import Comparison, Limits
from assets.evals.earlier import Earlier
from assets.evals.kept import append_results
from assets.evals.live import Collected
from assets.evals.measured import MeasuredBatch
from assets.evals.self_grading import SelfGraded, self_grade
from assets.evals.verdict import compare
from assets.versions import settings_to_use, stage_version
from io_managers.evals import is_written
from io_managers.publish import published_epoch
from resources.errors import VersionNotAcceptedError

REVISION: Final = 1
"""Raise it with every change of this room that changes a measure: batches are then measured anew
when their asset runs."""
SUBJECTS: Final = ("pages", "summaries")
_READ: Final = ("pages", "docs", "summaries")


def version_of_evals() -> str:
    """The asset's code version."""
    return f"evals-r{REVISION}"


def build_evals(context: StageContext) -> MeasuredBatch:
    """Measure a batch and write what is worth keeping; nothing when nothing changed since.

    Raises:
        SettingError: OCR was to be graded, and cannot be used at all.
        EngineError: The same, or no worker can be started.
        LakeError: The lake cannot be read or written.
    """
    lake, batch = context.lake, context.batch
    context, why = _with_accepted_engine(context)
    run_id = _run_id(context)
    sets = live.kept(lake, batch)
    if sets and is_written(lake, run_id):
        return _measured(context, run_id, sets, SelfGraded(why=why))
    collected = Collected(batch)
    earlier = Earlier(lake, batch, REVISION)
    left_out = measure_alone(context, collected, earlier)
    graded = self_grade(context, collected, earlier)
    earlier.save()
    graded.left_out = left_out | graded.left_out
    graded.why = why or graded.why
    frame = collected.frame()
    # First what the next version is compared with: the rows below are the mark that all is done.
    live.keep(lake, batch, frame)
    n_rows = append_results(lake, run_id, collected.results())
    measured = _measured(context, run_id, live.kept(lake, batch), graded)
    return replace(measured, n_rows=n_rows, unchanged=False)


def _with_accepted_engine(context: StageContext) -> tuple[StageContext, str]:
    """Grade what documents are read with: while a candidate waits, the accepted engine.

    Returns:
        The context, and why nothing is graded, when neither version may be used here.
    """
    settings = context.settings
    if settings.ocr == "off":
        return context, "OCR is off"
    if not settings.eval_share:
        return context, "QUIRE_EVAL_SHARE is 0"
    try:
        settings, why = settings_to_use(context.lake, "pages", settings), ""
    except VersionNotAcceptedError as error:
        settings, why = replace(settings, eval_share=0.0), str(error)
    return replace(context, settings=settings), why


def _grades(context: StageContext) -> bool:
    return context.settings.ocr != "off" and context.settings.eval_share > 0


def _run_id(context: StageContext) -> str:
    """A name that is the same while nothing that is measured, or measures, has changed."""
    lake, batch = context.lake, context.batch
    parts: list[object] = [REVISION, *(published_epoch(lake, stage, batch) for stage in _READ)]
    if _grades(context):
        version = stage_version("pages", context.settings).name
        parts += [context.settings.eval_share, version]
    return f"live-{batch}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]}"


def _measured(
    context: StageContext, run_id: str, sets: list[pl.DataFrame], graded: SelfGraded
) -> MeasuredBatch:
    frame = sets[0]
    alone = frame.filter(pl.col("degradation").is_null())
    units = alone.group_by("subject").agg(pl.struct("doc_id", "page_number").n_unique())
    n = dict(units.iter_rows())
    pictures = frame.filter(pl.col("degradation").is_not_null())
    comparisons, versions = _comparisons(context, sets)
    return MeasuredBatch(
        batch=context.batch,
        run_id=run_id,
        frame=frame,
        means=tuple(live.means(frame)),
        n_pages=n.get("pages", 0),
        n_summaries=n.get("summaries", 0),
        n_graded=pictures.select("doc_id", "page_number").n_unique() if pictures.height else 0,
        unchanged=True,
        left_out=graded.left_out,
        why_not_graded=graded.why,
        comparisons=comparisons,
        compared_with=versions,
    )


def _comparisons(
    context: StageContext, sets: list[pl.DataFrame]
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Each subject against the last kept set of another version of it."""
    settings = context.settings
    limits = Limits(warn=settings.eval_warn, fail=settings.eval_fail)
    found: list[Comparison] = []
    versions: list[str] = []
    for subject in SUBJECTS:
        for earlier in sets[1:]:
            old, new = live.paired(context.batch, subject, earlier, sets[0])
            if old:
                found += compare(old, new, limits)
                versions += sorted({result.version for result in old})
                break
    return tuple(found), tuple(versions)
