"""The sample PDFs: what they are called, what each shows, and what Quire should make of it.

Here: the list and the writing of the files. Not here: how a document of a family is made (one
module a family). The text and the pictures are the project's own; nothing is downloaded, and the
same library versions give the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resources.samples import (
    broken,
    interactive,
    leaflet,
    locked,
    mixed,
    newsletter,
    observatory,
    paste_paper,
    recipe,
    rotated,
    scans,
)

PASSWORDS: Final = (locked.KNOWN_PASSWORD,)
"""What the demo puts into QUIRE_PASSWORDS."""


@dataclass(frozen=True)
class Sample:
    """One sample and what Quire should make of it.

    Attributes:
        name: the file's name.
        path: where it was written.
        expected_status: `status` of its row in `files`, with the `PASSWORDS` set.
        expected_error_class: `error_class` of that row; None when it is read.
        n_pages: pages of the document; None when it does not open.
        note: what the sample shows, for the reader of the demo.
        expected_state: state of the document at the end; a duplicate has its owner's.

    """

    name: str
    path: Path
    expected_status: str
    expected_error_class: str | None
    n_pages: int | None
    note: str
    expected_state: str = "done"


@dataclass(frozen=True)
class _Plan:
    name: str
    make: Callable[[], bytes]
    n_pages: int | None
    note: str
    error_class: str | None = None
    status: str = "ok"
    state: str = "done"


def _unreadable(name: str, make: Callable[[], bytes], error_class: str, note: str) -> _Plan:
    return _Plan(name, make, None, note, error_class, status="failed", state="quarantined")


def _truncated() -> bytes:
    return broken.truncated(observatory.report())


def _portfolio() -> bytes:
    return interactive.portfolio(recipe.recipe())


_PLANS: Final = (
    _Plan(
        "observatory-report.pdf",
        observatory.report,
        4,
        "born digital: headings, table, figure, chart, list, footnote, running lines",
    ),
    # Sorts after the original, so that this name is the duplicate and the other the owner.
    _Plan(
        "observatory-report_final.pdf",
        observatory.report,
        4,
        "the same bytes under another name",
        status="duplicate",
    ),
    _Plan("paste-paper-two-columns.pdf", paste_paper.paper, 2, "two columns with a figure"),
    _Plan("scan-clean.pdf", scans.clean_scan, 1, "a clean scan, no text layer"),
    _Plan("scan-noisy.pdf", scans.noisy_scan, 1, "a worn scan: skewed, blurred, specks, JPEG"),
    _Plan("rotated.pdf", rotated.rotated, 2, "a page with /Rotate 90 and a scan on its side"),
    _Plan("mixed.pdf", mixed.mixed, 3, "text, then a scan, then text beside a picture of text"),
    _Plan(
        "encrypted-known-password.pdf",
        locked.known_password,
        1,
        "encrypted; QUIRE_PASSWORDS holds its password",
    ),
    _unreadable(
        "encrypted-unknown-password.pdf",
        locked.unknown_password,
        "encrypted",
        "encrypted; no password given opens it",
    ),
    _unreadable("truncated.pdf", _truncated, "corrupt", "an upload that stopped halfway"),
    _unreadable("not-a-pdf.pdf", broken.not_a_pdf, "not_pdf", "a web page named .pdf"),
    _unreadable("empty.pdf", broken.empty, "empty", "a file without bytes"),
    _Plan("blank-page.pdf", broken.blank_page, 1, "one page with nothing on it"),
    _Plan("newsletter-logo.pdf", newsletter.newsletter, 5, "the same logo on each of five pages"),
    _Plan("form-and-comments.pdf", interactive.form, 1, "filled form fields and comments"),
    _Plan("with-attachment.pdf", interactive.attachment, 1, "a CSV file attached"),
    _Plan(
        "portfolio.pdf",
        _portfolio,
        1,
        "a portfolio: its cover page is not the document",
        state="quarantined",
    ),
    _Plan("cmyk-leaflet.pdf", leaflet.leaflet, 1, "images as CMYK JPEG and JPEG 2000"),
    _Plan('it\'s "odd" \u2013 na\u00efve #1.pdf', recipe.recipe, 1, "an odd file name"),
)


def make_samples(folder: Path) -> list[Sample]:
    """Write every sample into `folder`, which is made when it is not there.

    Returns:
        The samples in the order of the demo's table.

    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(plan, folder) for plan in _PLANS]


def _write(plan: _Plan, folder: Path) -> Sample:
    path = folder / plan.name
    path.write_bytes(plan.make())
    return Sample(
        name=plan.name,
        path=path,
        expected_status=plan.status,
        expected_error_class=plan.error_class,
        n_pages=plan.n_pages,
        note=plan.note,
        expected_state=plan.state,
    )
