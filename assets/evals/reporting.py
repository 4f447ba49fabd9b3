"""The report of an evaluation run: made, and kept beside its record.

Here: putting together what a run's report shows, now or from what is kept. Not here: the page
itself (`report/`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assets.evals.base import EvalRun, Limits, Readings
from assets.evals.judge_stages import Judged
from assets.evals.kept import (
    all_runs,
    keep_places,
    keep_report,
    read_places,
    read_readings,
    read_results,
)
from assets.evals.pictures import make_pictures
from assets.evals.report.content import PageKey, Past, Report, Side, past_of
from assets.evals.report.sheets import page_pictures, pages_of
from assets.evals.report.worst import PagePair, worst_pages
from assets.evals.report.write import render, report_of
from assets.evals.sampling import SampledPage
from assets.evals.sides import PARTS, Sides
from resources.lake.lake import Lake
from resources.landing.uris import uri_of
from resources.settings import Settings
from resources.workers.folders import spool_folder
from resources.workers.pool import WorkerPool

HISTORY: Final = 20
"""Earlier runs that a report shows; each is some hundred rows."""


def make_report(
    lake: Lake,
    settings: Settings,
    workers: WorkerPool,
    run: EvalRun,
    sides: Sides,
    judged: Judged,
    limits: Limits,
) -> str | None:
    """Write a run's report; returns why there is none, if it could not be made.

    It is something to look at: what is wrong with it must not keep a verdict from being written.

    Raises:
        LakeError: It cannot be written.
    """
    keep_places(lake, run.run_id, {**sides.old.measured.places, **sides.new.measured.places})
    try:
        page = _page(lake, settings, workers, run, sides, judged, limits)
    except Exception as error:  # noqa: BLE001 - the boundary, and it is told in the run's record
        return f"no report could be made: {type(error).__name__}: {error}"
    keep_report(lake, run.run_id, page)
    return None


def _page(
    lake: Lake,
    settings: Settings,
    workers: WorkerPool,
    run: EvalRun,
    sides: Sides,
    judged: Judged,
    limits: Limits,
) -> bytes:
    report = report_of(
        run,
        Side(judged.new, list(sides.new.parts.values())),
        Side(judged.old, list(sides.old.parts.values())),
        history=history_of(lake, run),
        places={**sides.old.measured.places, **sides.new.measured.places},
        limits=limits,
        lake=lake.root,
    )
    pairs = worst_pages(report)
    drawn = page_pictures(pairs, settings, workers)
    read = _as_read(pairs, sides.sampled, settings, workers)
    report = replace(report, pictures=replace(drawn, read=read))
    return render(report, pairs).encode("utf-8", "replace")


def _as_read(
    pairs: Sequence[PagePair],
    sampled: Sequence[SampledPage],
    settings: Settings,
    workers: WorkerPool,
) -> dict[PageKey, bytes]:
    """Pages of the lake as OCR was given them; pictures are made alike each time."""
    live = {pair.key for pair in pairs if pair.suite == "live"}
    wanted = [page for page in sampled if (page.doc_id, page.page_number) in live]
    found: dict[PageKey, bytes] = {}
    if not wanted:
        return found
    with spool_folder() as folder:
        made = make_pictures(wanted, folder, settings, workers, alternate=True)
        for picture in made.pictures:
            sha256 = hashlib.sha256(picture.path.read_bytes()).hexdigest()
            drawn, _ = pages_of(sha256, uri_of(str(picture.path)), [1], settings, workers)
            if 1 in drawn:
                found[picture.doc_id, picture.page_number] = drawn[1]
    return found


def worst_of(lake: Lake, run: EvalRun, earlier: EvalRun | None = None) -> list[PagePair]:
    """The worst pages of a run that is kept, beside its baseline or beside an earlier run.

    Raises:
        LakeError: The lake cannot be read.
    """
    new, old = kept_sides(lake, run)
    places = read_places(lake, run.run_id)
    if earlier is not None:
        old, _ = kept_sides(lake, earlier)
        places = {**read_places(lake, earlier.run_id), **places}
    return worst_pages(Report(title=run.run_id, new=new, old=old, places=places))


def kept_sides(lake: Lake, run: EvalRun) -> tuple[Side, Side]:
    """What the new and the accepted versions of a run read and scored."""
    results = read_results(lake, run_id=run.run_id)
    new = [r for r in results if r.version == run.versions.get(r.subject)]
    old = [r for r in results if r.version == run.baselines.get(r.subject)]
    return Side(new, _kept(lake, run, "new")), Side(old, _kept(lake, run, "old"))


def _kept(lake: Lake, run: EvalRun, side: str) -> list[Readings]:
    found = (read_readings(lake, run.run_id, f"{part}-{side}") for part in PARTS)
    return [readings for readings in found if readings is not None]


def history_of(lake: Lake, run: EvalRun) -> list[Past]:
    """Earlier runs over the same golden set, as points of a report."""
    earlier = [
        past for past in all_runs(lake) if past.run_id != run.run_id and past.golden == run.golden
    ][:HISTORY]
    return [past_of(past, read_results(lake, run_id=past.run_id)) for past in earlier]
