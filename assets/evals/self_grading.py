"""Self-grading: OCR reads pictures of pages whose own text is known, so that no label is needed.

Here: sampled pages of a batch, made pictures, read by the real stages, and measured. Not here: the
pictures (`pictures.py`), the reading (`scratch.py`), or the measures (`measures/`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from assets.context import StageContext
from assets.evals.base import Measure, PageReading, Readings
from assets.evals.earlier import Earlier
from assets.evals.live import Collected
from assets.evals.measures.against_truth import against_truth
from assets.evals.measures.page import disagreement
from assets.evals.pictures import DEGRADATIONS, Picture, make_pictures, one_each, sample_pages
from assets.evals.sampling import SampledPage, body_of
from assets.evals.scratch import read_folder
from assets.versions import stage_version
from resources.workers.folders import spool_folder

_STAGES: Final = ("files", "pages")


@dataclass
class SelfGraded:
    """What came of the sample."""

    n_sampled: int = 0
    n_read: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a page was not graded, by `<doc_id>#<page>`."""
    why: str = ""
    """Why no page was."""


def self_grade(context: StageContext, collected: Collected, earlier: Earlier) -> SelfGraded:
    """Grade a share of the batch's pages with a sound text layer; one picture of each.

    Nothing is loaded when no page is sampled that was not graded before, or when OCR is off.

    Raises:
        SettingError: The landing zone's store, or the OCR engine, cannot be used at all.
        EngineError: Workers or the engine cannot be started.
    """
    settings = context.settings
    if settings.ocr == "off" or not settings.eval_share:
        return SelfGraded()
    pages = sample_pages(context.lake, context.batch, share=settings.eval_share)
    graded = SelfGraded(n_sampled=len(pages))
    version = stage_version("pages", settings).name
    keys = {page.name: _key(earlier, page, version) for page in pages}
    pages = [page for page in pages if not _known(page, version, keys, collected, earlier)]
    graded.n_read = graded.n_sampled - len(pages)
    if not pages:
        return graded
    with spool_folder() as folder:
        made = make_pictures(pages, folder, settings, context.workers, alternate=True)
        graded.left_out = made.left_out
        if not made.pictures:
            graded.why = f"no picture could be made: {next(iter(made.left_out.values()), '')}"
            return graded
        readings = read_folder(
            folder,
            settings,
            context.workers,
            lake=context.lake,
            run_id=context.run_id,
            stages=_STAGES,
        )
    graded.n_read += _add_graded(made.pictures, readings, collected, keys, earlier)
    return graded


def _key(earlier: Earlier, page: SampledPage, version: str) -> str:
    furniture = sorted(page.furniture)
    return earlier.key(version, page.doc_id, page.page_number, page.truth, furniture)


def _known(
    page: SampledPage,
    version: str,
    keys: Mapping[str, str],
    collected: Collected,
    earlier: Earlier,
) -> bool:
    """Whether the page's picture was read before; its measures are then taken."""
    measures = earlier.get(keys[page.name])
    if measures is None:
        return False
    (degradation,) = one_each(page, DEGRADATIONS)
    collected.add("pages", version, page.doc_id, page.page_number, measures, degradation)
    return True


def _add_graded(
    pictures: Sequence[Picture],
    readings: Readings,
    collected: Collected,
    keys: Mapping[str, str],
    earlier: Earlier,
) -> int:
    """Measure what was read of each picture; returns how many there were."""
    read = {document.file_name: document for document in readings.documents}
    for picture in pictures:
        document = read.get(picture.path.name)
        page = document.pages[0] if document is not None and document.pages else None
        measures = measures_of(picture, page)
        collected.add(
            "pages",
            readings.versions["pages"],
            picture.doc_id,
            picture.page_number,
            measures,
            picture.degradation,
        )
        if page is not None and page.status != "failed":  # else it is tried again
            earlier.add(keys[picture.page.name], measures)
    return len(pictures)


def measures_of(picture: Picture, page: PageReading | None) -> list[Measure]:
    """The errors of one reading; a picture that was not read is all wrong."""
    text = page.text if page is not None else ""
    failed = page is None or page.status == "failed"
    truth, text = (body_of(side, picture.page.furniture) for side in (picture.truth, text))
    measures = against_truth(truth, text)
    if not failed:
        measures += disagreement(truth, text)
    reason = (page.error_class or "") if page is not None else "the picture was not read"
    return [*measures, Measure("failed_page", float(failed), reason if failed else "")]
