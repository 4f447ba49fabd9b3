"""Pictures of pages with a sound text layer, for OCR to read: as clean and as worn scans.

Here: asking the workers for them, one PDF a page, and what is known of each. Not here: which pages
(`sampling.py`), how they are drawn (`work.py`), or their reading (`scratch.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from assets.evals.sampling import SampledPage, sample_pages, seed_of
from resources.errors import DocumentError
from resources.lake.sources import sources_of
from resources.landing.copies import Copies, Wanted
from resources.settings import Settings
from resources.workers.pool import Task, TaskResult, WorkerPool

__all__ = [
    "DEGRADATIONS",
    "Degradation",
    "Picture",
    "Pictures",
    "SampledPage",
    "make_pictures",
    "one_each",
    "sample_pages",
]

Degradation = Literal["clean", "degraded"]
DEGRADATIONS: Final[tuple[Degradation, ...]] = ("clean", "degraded")
MAX_BYTES: Final = 64 * 2**20
"""Of a picture: 16 million grey pixels that nothing compresses have 16 MB."""
_DRAW: Final = "assets.evals.work:draw"
_SLICE: Final = 8


@dataclass(frozen=True)
class Picture:
    """A page as a PDF that is nothing but a picture, and the text that is to be read on it.

    Attributes:
        path: The PDF.
        page: The page that it shows.
        degradation: What was done to it.
    """

    path: Path
    page: SampledPage
    degradation: Degradation

    @property
    def doc_id(self) -> str:
        """The document whose page it shows; the PDF has another, its own."""
        return self.page.doc_id

    @property
    def page_number(self) -> int:
        """The page's number in that document; it is the only one of the PDF."""
        return self.page.page_number

    @property
    def truth(self) -> str:
        """What is to be read on it."""
        return self.page.truth

    @property
    def case_id(self) -> str:
        """As `assets.evals.base.Result` has it."""
        return f"{self.page.name}@{self.degradation}"


@dataclass
class Pictures:
    """The pictures that could be made, in the order of the pages asked for, and why others not."""

    pictures: list[Picture] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """By page, `<doc_id>#<page>`."""


def make_pictures(
    pages: Sequence[SampledPage],
    folder: Path,
    settings: Settings,
    workers: WorkerPool,
    *,
    degradations: Sequence[Degradation] = DEGRADATIONS,
    alternate: bool = False,
    seed: int | None = None,
) -> Pictures:
    """Make a PDF of each page and degradation in a folder, from sources that are still the same.

    A page is worn alike in each run, and its PDF has the same bytes, unless a seed is given.

    Args:
        pages: Of which pages.
        folder: Where to; it is there already.
        settings: Passwords of the PDFs, and how to reach their store.
        workers: They parse; this process opens no PDF.
        degradations: What is done to each.
        alternate: Make only one picture of each page, of the degradation that its hash says.
        seed: Of other wear than usual.

    Raises:
        SettingError: The store cannot be reached or used at all.
        EngineError: Workers cannot be started, or the temporary folder cannot be written.
    """
    made = Pictures()
    of_key = {(page.doc_id, page.page_number): page for page in pages}
    by_document: dict[str, list[SampledPage]] = {}
    for page in of_key.values():
        by_document.setdefault(page.doc_id, []).append(page)
    found: dict[str, Picture] = {}
    with Copies(settings.storage_options, sources_of(settings)) as copies:
        drawing = _Drawing(settings, copies, made, seed)
        chosen = {p.name: one_each(p, degradations) if alternate else degradations for p in pages}
        for result in workers.run(drawing.tasks(by_document, chosen)):
            for picture in _pictures(result, of_key, folder, made):
                found[picture.case_id] = picture
            drawing.answered(result)
    order = [f"{page.name}@{kind}" for page in of_key.values() for kind in chosen[page.name]]
    made.pictures = [found[case] for case in order if case in found]
    return made


def one_each(page: SampledPage, degradations: Sequence[Degradation]) -> tuple[Degradation]:
    """The one degradation of a page that its hash says; always the same one."""
    return (degradations[seed_of(page.doc_id, page.page_number) % len(degradations)],)


class _Drawing:
    """Documents on their way through the workers; each one's copy goes with its last page."""

    def __init__(
        self, settings: Settings, copies: Copies, made: Pictures, seed: int | None
    ) -> None:
        self.settings = settings
        self.copies = copies
        self.made = made
        self.seed = seed
        self.open: dict[str, set[int]] = {}

    def tasks(
        self, documents: dict[str, list[SampledPage]], kinds: dict[str, Sequence[Degradation]]
    ) -> Iterator[Task]:
        """A task for some pages of a document; one whose bytes are gone is told of."""
        wanted = (
            (pages, Wanted(pages[0].uri, pages[0].n_bytes, sha256=doc_id))
            for doc_id, pages in documents.items()
        )
        for pages, copy in self.copies.each(wanted):
            if isinstance(copy, DocumentError):
                reason = f"{copy.error_class}: {copy}"
                self.made.left_out |= {page.name: reason for page in pages}
                continue
            payload = {
                "path": copy.path,
                "doc_id": pages[0].doc_id,
                "passwords": list(self.settings.passwords),
                "pages": [self._item(page, kinds[page.name]) for page in pages],
            }
            numbers = [page.page_number for page in pages]
            task = Task(pages[0].doc_id, _DRAW, payload, tuple(numbers))
            self.open[task.document] = set(numbers)
            for first in range(0, len(numbers), _SLICE):
                yield task.with_units(numbers[first : first + _SLICE])

    def _item(self, page: SampledPage, degradations: Sequence[Degradation]) -> dict[str, Any]:
        return {
            "page_number": page.page_number,
            "seed": seed_of(page.doc_id, page.page_number, self.seed),
            "degradations": list(degradations),
            "boxes": [list(box) for box in page.boxes],
        }

    def answered(self, result: TaskResult) -> None:
        pages = self.open.get(result.task.document, set())
        pages.difference_update(result.task.units)
        if not pages:
            self.copies.release(result.task.payload["path"])


def _pictures(
    result: TaskResult,
    pages: dict[tuple[str, int], SampledPage],
    folder: Path,
    made: Pictures,
) -> Iterator[Picture]:
    """The pictures of a result, written to the folder; what a worker says is checked."""
    for record, blob in result.records():
        page = pages[result.task.document, record["page_number"]]
        degradation, unseen = record.get("degradation"), record.get("unseen")
        if degradation not in DEGRADATIONS or type(unseen) is not int or not blob:
            made.left_out[page.name] = "invalid_output: the worker's answer is no picture"
        elif len(blob) > MAX_BYTES:
            made.left_out[page.name] = f"too_large: its picture has {len(blob):,} bytes"
        elif unseen:
            text = f"{unseen} of {len(page.boxes)} blocks of its text cannot be seen on the page"
            made.left_out[page.name] = text
        else:
            path = folder / f"{page.doc_id}-{page.page_number}-{degradation}.pdf"
            path.write_bytes(blob)
            yield Picture(path, page, degradation)
    if result.failure is not None:
        reason = f"{result.failure.error_class}: {result.failure.error}"
        for number in result.failure.units or result.task.units:
            made.left_out[pages[result.task.document, number].name] = reason
