"""A report as a file, written page by page: memory does not grow with the pages.

Here: the order of things, and pictures inside the file or beside it. Not here: HTML (`head.py`,
`page.py`) or which pages there are (`plan.py`).
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote

import polars as pl

from cli.document import read_document
from cli.reports.head import document_html, top
from cli.reports.page import page_html
from cli.reports.pictures import render_sheets, thumbnails
from cli.reports.plan import PageLine, Plan, Section
from cli.reports.style import STYLE
from resources.lake.find import Found
from resources.lake.lake import Lake
from resources.report.head import opening
from resources.settings import Settings

INLINE_BYTES: Final = 32 * 2**20
"""Of pictures inside the file, as base64; browsers take long over pages that are much larger."""
_CHUNK: Final = 16
"""Pages whose rows and pictures are held at once: about 5 MB."""


@dataclass
class Report:
    """A report being written, and what it came to."""

    out: Path
    settings: Settings
    lake: Lake
    inline_bytes: int = INLINE_BYTES
    beside: list[str] = field(default_factory=list)
    pages: int = 0
    _inside: int = 0

    @property
    def folder(self) -> Path:
        """Where pictures lie that are too many for the file."""
        return self.out.with_name(f"{self.out.stem}_files")

    def write(self, plan: Plan, subject: str) -> None:
        """Write the whole report; until it is complete there is no file of its name.

        Raises:
            OSError: The folder cannot be written.
        """
        handle, name = tempfile.mkstemp(dir=self.out.parent, prefix=".quire-report-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                self._write(file, plan, subject)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, self.out)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _write(self, file: TextIO, plan: Plan, subject: str) -> None:
        file.write(opening(f"Quire: {subject}", STYLE))
        file.write(top(plan, self.lake.root, subject))
        for at, section in enumerate(plan.sections, 1):
            document = read_document(self.lake, section.found, page_text=False)
            small = thumbnails(self.settings, self.lake, document)
            sources = {
                sha256: self._source(f"{sha256}.png", png, "image/png")
                for sha256, png in small.items()
            }
            file.write(document_html(at, section, document, sources))
            self._write_pages(file, f"d{at}", section)
        file.write("</body></html>\n")

    def _write_pages(self, file: TextIO, anchor: str, section: Section) -> None:
        for first in range(0, len(section.shown), _CHUNK):
            lines = section.shown[first : first + _CHUNK]
            numbers = [line.page_number for line in lines]
            sheets = render_sheets(self.settings, section.found, numbers)
            rows = _rows(self.lake, section.found, numbers)
            for line in lines:
                row = rows.get(line.page_number)
                if row is None:
                    continue  # replaced since the plan was made: a run published meanwhile
                picture = sheets.pictures.pop(line.page_number, None)
                reason = sheets.reasons.get(line.page_number, "the worker gave none")
                file.write(self._page(anchor, line, row, picture, reason))
                self.pages += 1

    def _page(
        self, anchor: str, line: PageLine, row: dict[str, Any], picture: bytes | None, reason: str
    ) -> str:
        anchor = f"{anchor}-p{line.page_number}"
        source = self._source(f"{anchor}.jpg", picture, "image/jpeg") if picture else None
        return page_html(anchor, line, row, source, reason)

    def _source(self, name: str, data: bytes, kind: str) -> str:
        """A picture's address: the picture itself, or a file beside the report."""
        if self._inside + len(data) <= self.inline_bytes:
            self._inside += len(data)
            return f"data:{kind};base64,{base64.b64encode(data).decode()}"
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(data)
        self.beside.append(name)
        return f"{quote(os.fsencode(self.folder.name))}/{name}"


def _rows(lake: Lake, found: Found, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = lake.scan("pages", batch=found.batch).filter(
        (pl.col("doc_id") == found.doc_id) & pl.col("page_number").is_in(list(numbers))
    )
    return {row["page_number"]: row for row in rows.collect().to_dicts()}


def _umask() -> int:
    """The mask of this process, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
