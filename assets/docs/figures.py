"""Pictures of a document: from a picture block and the row of `images` to a reference or a note.

Here: which pictures are shown and what stands for those that are missing. Not here: finding or
storing images (the images stage), how a reference is written (`markup.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from assets.docs.markup import image, is_sha256, note
from assets.docs.records import Block, Row

_LABEL: Final = re.compile(
    r"\s*((?:Fig(?:ure|\.)?|Table|Plate|Chart|Exhibit|Photo|Abb(?:ildung|\.)?|Tab(?:elle|\.)"
    r"|Рис(?:унок|\.)|図表?|图|圖|그림|الشكل|चित्र|รูปที่)\s*[A-Z]?\d{1,3}(?:[.-]\d{1,3})?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Picture:
    """What is written for a picture block; `sha256` is None when no image is referred to."""

    markdown: str = ""
    sha256: str | None = None
    failed: bool = False


class Figures:
    """The rows of `images` of one document, by place."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Index the rows by page number and image index."""
        self._rows = {(int(row["page_number"]), int(row["image_index"])): row for row in rows}

    @property
    def any_failed(self) -> bool:
        """Whether any image of the document could not be taken out."""
        return any(row["status"] == "failed" for row in self._rows.values())

    def sha256_of(self, block: Block) -> str | None:
        """The hash of the stored figure that a picture block shows."""
        row = self._row(block)
        if row is None or row["status"] != "ok" or row.get("role") != "figure":
            return None
        sha256 = row.get("sha256")
        return sha256 if is_sha256(sha256) else None

    def render(self, block: Block, neighbours: Iterable[Block]) -> Picture:
        """A reference for a stored figure, a note for a failed one, nothing for all others."""
        if block.image_index is None:
            return Picture()
        sha256 = self.sha256_of(block)
        if sha256 is not None:
            return Picture(image(_alt(block, neighbours), sha256), sha256)
        row = self._row(block)
        if row is not None and row["status"] != "failed" and row.get("role") != "figure":
            return Picture()
        if row is not None and row["status"] == "skipped":
            return Picture()
        reason = "no result" if row is None else row.get("error_class") or "image_failed"
        return Picture(note(f"a picture on page {block.page} is missing: {reason}"), failed=True)

    def _row(self, block: Block) -> Row | None:
        if block.image_index is None:
            return None
        return self._rows.get((block.page, block.image_index))


def _alt(block: Block, neighbours: Iterable[Block]) -> str:
    """The figure's label from a caption beside it, else where it stands."""
    for near in neighbours:
        if near.page == block.page and near.kind in ("caption", "text"):
            found = _LABEL.match(near.text)
            if found:
                return found.group(1)
    return f"picture on page {block.page}"
