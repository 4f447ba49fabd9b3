"""What the modules of this folder pass to one another: a document's pages and blocks, typed.

Here: reading rows of `pages` and `images` into records, and the record that becomes a row of
`docs`. Not here: what is left out, joined or written (`furniture.py`, `joining.py`, `markup.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Row = Mapping[str, Any]
DocStatus = Literal["ok", "partial", "failed"]

# Line breaks of every kind as one; characters that no table can hold or no reader shows are gone.
_BREAKS: Final = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNWANTED: Final = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f\ufeff\ufffe\uffff]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_ODD: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
SOFT_HYPHEN: Final = "\u00ad"


@dataclass(frozen=True, slots=True)
class Block:
    """One layout block of a page, `page` and `index` say where it stands in reading order."""

    page: int
    index: int
    kind: str
    text: str
    markdown: str
    x0: float
    y0: float
    x1: float
    y1: float
    font_size: float | None
    source: str
    image_index: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page: whether it could be read, and its blocks in reading order."""

    number: int
    status: str
    error_class: str | None
    height: float
    blocks: tuple[Block, ...]

    @property
    def unsupported(self) -> bool:
        """Whether what stands on the page is a placeholder, such as that of a dynamic form."""
        return self.status == "partial" and self.error_class == "unsupported"


@dataclass(frozen=True)
class DocumentInput:
    """All that is known of a document when its pages and images are done.

    Attributes:
        doc_id: sha256 of the document's bytes.
        file_title: the title that the file's metadata gives.
        n_pages: pages that the file has; None when it could not be opened.
        pages: its rows of `pages`, in any order; a page without a row counts as failed.
        images: its rows of `images`, in any order.
        n_attachments: files that are embedded in it, of which nothing else is read.
    """

    doc_id: str
    file_title: str | None
    n_pages: int | None
    pages: Sequence[Row]
    images: Sequence[Row]
    n_attachments: int = 0


@dataclass(frozen=True)
class DocRecord:
    """The columns of a row of `docs` that come from the document itself."""

    doc_id: str
    title: str | None
    markdown: str
    n_pages: int | None
    n_failed_pages: int
    n_images: int
    n_tokens: int
    content_sha256: str
    status: DocStatus

    def as_row(self) -> dict[str, Any]:
        """The record as a row, columns by name."""
        return asdict(self)


def clean(text: str | None) -> str:
    r"""Text with one kind of line break (`\n`), nothing invisible, and encodable as UTF-8."""
    if not text:
        return ""
    if text.isascii() and text.isprintable():
        return text
    if not _ODD.search(text):
        return text
    text = _UNWANTED.sub("", _BREAKS.sub("\n", text))
    return _SURROGATES.sub("\ufffd", text)


def read_pages(rows: Sequence[Row], n_pages: int | None) -> list[Page]:
    """The pages in order, from 1 to the last, those without a row as failed."""
    by_number = {int(row["page_number"]): row for row in rows}
    last = max([*by_number, n_pages or 0], default=0)
    return [_page(number, by_number.get(number)) for number in range(1, last + 1)]


def _page(number: int, row: Row | None) -> Page:
    if row is None:
        return Page(number, "failed", "no result", 0.0, ())
    status = str(row["status"])
    blocks = () if status == "failed" else tuple(_blocks(number, row.get("blocks") or ()))
    return Page(number, status, row.get("error_class"), float(row.get("height") or 0.0), blocks)


def _blocks(page: int, rows: Sequence[Row]) -> list[Block]:
    blocks = []
    for index, row in enumerate(rows):
        box = row.get("bbox") or {}
        blocks.append(
            Block(
                page=page,
                index=index,
                kind=str(row["kind"]),
                text=clean(row.get("text")),
                markdown=clean(row.get("markdown")),
                x0=float(box.get("x0") or 0.0),
                y0=float(box.get("y0") or 0.0),
                x1=float(box.get("x1") or 0.0),
                y1=float(box.get("y1") or 0.0),
                font_size=row.get("font_size"),
                source=str(row.get("source") or ""),
                image_index=row.get("image_index"),
            )
        )
    return blocks
