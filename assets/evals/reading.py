"""One side of an evaluation read: nothing that an earlier run kept is read, or paid for, again.

Here: the golden set, pictures of pages, and copies of documents under one set of versions, and what
is kept of each. Not here: the stages (`scratch.py`), which versions (`plan.py`), or any measure.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from assets.evals.base import DocumentReading, PageReading, Readings
from assets.evals.golden_set import GoldenSet
from assets.evals.kept import Reading, find_readings, keep_readings
from assets.evals.pictures import Picture
from assets.evals.plan import Side
from assets.evals.scratch import read_folder, summarise_copies
from io_managers.schemas import STAGES
from resources.crash_points import reach
from resources.errors import NOT_CHARGED, EngineError
from resources.lake.lake import Lake
from resources.landing.uris import display_name, uri_of
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool

UPSTREAM: Final = STAGES[:-1]
"""All that a summary depends on."""
_PICTURES: Final = "pictures"
_OF_PICTURES: Final = ("files", "pages")


@dataclass
class Reader:
    """Reads for one run, and counts what it took.

    Attributes:
        lake: The real lake.
        workers: Where PDFs are parsed.
        run_id: The evaluation run.
        progress: Told how far readings have come, by what is read.
        n_pages: Pages that were read.
        cost_usd: What models cost; None when a price is not known.
    """

    lake: Lake
    workers: WorkerPool
    run_id: str
    progress: Progress
    n_pages: int = 0
    cost_usd: float | None = 0.0
    _counts: Counter[str] = field(default_factory=Counter)

    # The golden set ----------------------------------------------------------------------------

    def golden(
        self, side: Side, golden: GoldenSet, which: str, *, like: Readings | None = None
    ) -> Readings | None:
        """Every PDF of a golden set through every stage; None where this machine cannot.

        Args:
            side: The versions.
            golden: What is read.
            which: Under what name it is kept.
            like: Another side's reading; where only summaries differ, its pages are taken.
        """
        whole, upstream = Reading(golden.of, side.versions), _upstream(golden, side)
        found = find_readings(self.lake, whole)
        if found is None:
            found = self._golden_anew(side, golden, which, like)
        if found is None:
            return None
        here = replace(found, documents=tuple(_lying_in(golden, d) for d in found.documents))
        keep_readings(self.lake, self.run_id, which, here, whole, upstream)
        reach("evals.kept_readings")
        return here

    def _golden_anew(
        self, side: Side, golden: GoldenSet, which: str, like: Readings | None
    ) -> Readings | None:
        same = like is not None and all(like.versions[s] == side.versions[s] for s in UPSTREAM)
        read = like if same else find_readings(self.lake, _upstream(golden, side))
        if read is not None and side.makes("summaries"):
            return self.summarised(side, read, which)
        if not side.makes(*STAGES):
            return None
        found = read_folder(
            golden.folder, side.settings, self.workers,
            lake=self.lake, run_id=self.run_id, progress=self._told(which),
        )  # fmt: skip
        return self._counted(found)

    def summarised(self, side: Side, read: Readings, which: str) -> Readings:
        """What was read before, with the summaries of a side."""
        made = summarise_copies(
            read.documents, side.settings, self.workers,
            lake=self.lake, run_id=self.run_id, progress=self._told(which),
        )  # fmt: skip
        self._counted(made, pages=False)
        versions = {**read.versions, **made.versions}
        return Readings(versions, made.documents, {**read.seconds, **made.seconds}, made.cost_usd)

    # The lake's own pages ----------------------------------------------------------------------

    def pictures(self, side: Side, pictures: Sequence[Picture], which: str) -> Readings:
        """Pictures of pages, as far as they can be read or were; in the order given.

        Each is a document of one page, named as the page that it shows.
        Of a side that this machine cannot make, those are there that an earlier run read.
        """
        reading = Reading(_PICTURES, side.of(*_OF_PICTURES))
        kept = find_readings(self.lake, reading)
        known = {d.doc_id: d for d in kept.documents} if kept else {}
        hashes = [_sha256(picture.path) for picture in pictures]
        missing = [p for p, sha256 in zip(pictures, hashes, strict=True) if sha256 not in known]
        made = Readings(reading.versions, ())
        if missing and side.makes(*_OF_PICTURES):
            made = self._pictures_anew(side, missing, which)
            known |= {d.doc_id: d for d in made.documents}
        both = [(p, known[s]) for p, s in zip(pictures, hashes, strict=True) if s in known]
        raw = replace(made, documents=tuple(document for _, document in both))
        found = replace(made, documents=tuple(_shown(p, document) for p, document in both))
        if both:
            keep_readings(self.lake, self.run_id, f"pictures-{which}", raw, reading)
            keep_readings(self.lake, self.run_id, which, found)
            reach("evals.kept_readings")
        return found

    def _pictures_anew(self, side: Side, pictures: Sequence[Picture], which: str) -> Readings:
        with tempfile.TemporaryDirectory(dir=pictures[0].path.parent) as folder:
            for picture in pictures:
                os.link(picture.path, Path(folder) / picture.path.name)
            found = read_folder(
                Path(folder), side.settings, self.workers,
                lake=self.lake, run_id=self.run_id, stages=_OF_PICTURES,
                progress=self._told(which),
            )  # fmt: skip
        return self._counted(found)

    # The lake's own summaries ------------------------------------------------------------------

    def summaries(
        self,
        side: Side,
        documents: Sequence[DocumentReading],
        published: Mapping[str, DocumentReading],
        which: str,
    ) -> Readings:
        """Summaries of documents of the lake; those that are published by this side are taken."""
        todo = [document for document in documents if document.doc_id not in published]
        made = Readings(side.of("summaries"), ())
        if todo and side.makes("summaries"):
            made = summarise_copies(
                todo, side.settings, self.workers,
                lake=self.lake, run_id=self.run_id, progress=self._told(which),
            )  # fmt: skip
            self._counted(made, pages=False)
        anew = {document.doc_id: document for document in made.documents}
        both = {**anew, **published}
        found = tuple(both[d.doc_id] for d in documents if d.doc_id in both)
        readings = replace(made, documents=found)
        if found:
            keep_readings(self.lake, self.run_id, which, readings)
        return readings

    # -------------------------------------------------------------------------------------------

    def _told(self, which: str) -> Progress:
        return Progress(lambda s: self.progress.report(s.stage, which, s.done, s.total))

    def _counted(self, found: Readings, *, pages: bool = True) -> Readings:
        """Count what was read; what only failed for want of money or of a server is no reading.

        Raises:
            EngineError: The evaluation cannot go on; what was answered is kept.
        """
        for document in found.documents:
            errors = [document.error_class, *(page.error_class for page in document.pages)]
            stopped = next((error for error in errors if error in NOT_CHARGED), None)
            if stopped is not None:
                raise EngineError(
                    f"the evaluation stopped at {document.file_name}: {stopped}. Nothing was "
                    "decided; see that there is room in QUIRE_BUDGET_USD and QUIRE_BUDGET_TOKENS "
                    "and that the server answers, then run quire evals run: what was answered is "
                    "kept"
                )
        if pages:
            self.n_pages += sum(len(document.pages) for document in found.documents)
        unknown = found.cost_usd is None or self.cost_usd is None
        self.cost_usd = None if unknown else (self.cost_usd or 0.0) + (found.cost_usd or 0.0)
        return found


def _upstream(golden: GoldenSet, side: Side) -> Reading:
    """The reading of a golden set up to its summaries."""
    return Reading(golden.of, side.of(*UPSTREAM))


def _lying_in(golden: GoldenSet, document: DocumentReading) -> DocumentReading:
    """A document of a golden set where it lies now: its folder may be a temporary one."""
    path = golden.pdfs.get(document.file_name)
    return document if path is None else replace(document, uri=uri_of(str(path)))


def _shown(picture: Picture, document: DocumentReading) -> DocumentReading:
    """A reading of a picture as one of the page that it shows."""
    page = next(iter(document.pages), None)
    if page is None:
        page = PageReading("", 0, "failed", "", error_class=document.error_class)
    page = replace(page, doc_id=picture.doc_id, page_number=picture.page_number)
    return replace(
        document,
        doc_id=picture.doc_id,
        file_name=display_name(picture.page.uri),
        uri=picture.page.uri,
        pages=(page,),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
