"""Documents as Quire reads them, without a lake: pages, images and the stitched markdown.

Here: the same plain functions that the workers run, on every core, their results kept on disk
until the code that made them changes. For a quick look, QUIRE_QUALITY_DOCUMENTS takes so many of a
corpus at random (always the same ones), QUIRE_QUALITY_PAGES reads so many pages of each document.
Not here: any measurement.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SLICE_PAGES = 8
SEED = 1
_CODE = ("assets/pages", "assets/images", "resources/ocr", "resources/workers/documents.py")


@dataclass(frozen=True)
class Source:
    """A PDF, how to open it, and the true text where there is one."""

    path: Path
    name: str
    category: str = ""
    passwords: tuple[str, ...] = ()
    truth: Path | None = None


@dataclass(frozen=True)
class Reading:
    """A document as read: rows of `pages` and `images`, and the row of `docs`."""

    source: Source
    pages: list[dict[str, Any]]
    images: list[dict[str, Any]] = field(default_factory=list)
    markdown: str = ""


def corpus_sources(corpus: Path) -> list[Source]:
    """The PDFs of a corpus by its `manifest.csv` (path, category, password, ground_truth)."""
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    limit = limit_of("DOCUMENTS")
    if limit is not None and limit < len(rows):
        taken = set(random.Random(SEED).sample(range(len(rows)), limit))
        rows = [row for number, row in enumerate(rows) if number in taken]
    return [
        Source(
            corpus / row["path"],
            row["path"],
            row["category"],
            (row["password"],) if row["password"] else (),
            corpus / row["ground_truth"] if row["ground_truth"] else None,
        )
        for row in rows
    ]


def read_documents(
    sources: Sequence[Source],
    pages: dict[str, Sequence[int]] | None = None,
    *,
    ocr: str = "rapidocr",
    layout: bool = True,
) -> dict[str, Reading]:
    """Read documents by name; `pages` limits which pages of each (from 1) are read.

    A page that fails is a row with its class, as in the table; a document that does not open has
    no rows.
    """
    limit = limit_of("PAGES")
    wanted = {s.name: tuple((pages or {}).get(s.name) or _numbers(s))[:limit] for s in sources}
    parts = [
        (source, numbers[first : first + SLICE_PAGES], ocr, layout)
        for source, numbers in ((s, wanted[s.name]) for s in sources)
        for first in range(0, len(numbers), SLICE_PAGES)
    ]
    rows: dict[str, list[dict[str, Any]]] = {s.name: [] for s in sources}
    images: dict[str, list[dict[str, Any]]] = {s.name: [] for s in sources}
    for (source, *_), (found, placed) in zip(parts, _on_all_cores(_read_part, parts), strict=True):
        rows[source.name] += found
        images[source.name] += placed
    return {
        s.name: Reading(s, rows[s.name], images[s.name], stitched(rows[s.name], images[s.name]))
        for s in sources
    }


def limit_of(name: str) -> int | None:
    """How many DOCUMENTS, or PAGES of each, are wanted; None for all."""
    word = os.environ.get(f"QUIRE_QUALITY_{name}")
    return int(word) if word else None


def _on_all_cores(function: Any, parts: Sequence[Any]) -> Iterable[Any]:
    with ProcessPoolExecutor(
        os.cpu_count() or 1, mp_context=get_context("spawn"), initializer=prepare
    ) as pool:
        yield from pool.map(function, parts)


def prepare() -> None:
    """Make a process what a worker is: one thread a library, heavy modules held back."""
    from resources.workers.child import HELD_BACK

    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    for name in HELD_BACK:
        sys.modules[name] = None  # type: ignore[assignment]


def _numbers(source: Source) -> Sequence[int]:
    from resources.errors import DocumentError
    from resources.workers.documents import open_pdf

    try:
        with open_pdf(str(source.path), source.passwords) as document:
            return range(1, document.page_count + 1)
    except (DocumentError, RuntimeError):
        return ()


def _read_part(
    part: tuple[Source, Sequence[int], str, bool],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    source, numbers, ocr, layout = part
    content = hashlib.sha256(source.path.read_bytes()).hexdigest()
    key = json.dumps([_code(), content, list(numbers), ocr, layout])
    folder = Path(tempfile.gettempdir()) / f"quire-quality-{os.getuid()}"
    cached = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    if cached.exists():
        held = json.loads(cached.read_text(encoding="utf-8"))
        return held[0], held[1]
    result = read_slice(source, numbers, ocr, layout=layout)
    folder.mkdir(exist_ok=True)
    made = cached.with_suffix(f".{os.getpid()}")
    made.write_text(json.dumps(result), encoding="utf-8", errors="replace")
    made.rename(cached)
    return result


def read_slice(
    source: Source, numbers: Sequence[int], ocr: str, *, layout: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of `pages` and `images` of one slice of a document, as a worker makes them."""
    from assets.images.extract import PageRequest, extract_images
    from assets.pages.read import read_pages
    from resources.errors import DocumentError

    payload = {
        "path": str(source.path),
        "passwords": list(source.passwords),
        "doc_id": None,
        "page_numbers": list(numbers),
        "ocr": ocr,
        "layout": layout,
    }
    try:
        rows = [row for row, _ in read_pages(payload, lambda _: None)]
        requests: list[PageRequest] = [
            {
                "page_number": row["page_number"],
                "source": row["source"],
                "pictures": [b for b in row["blocks"] if b["kind"] == "picture"],
            }
            for row in rows
        ]
        placed = extract_images(
            {
                "path": str(source.path),
                "passwords": source.passwords,
                "doc_id": None,
                "pages": requests,
            },
            lambda _: None,
        )
        return rows, [record for record, _ in placed]
    except DocumentError:
        return [], []


def stitched(pages: list[dict[str, Any]], images: list[dict[str, Any]]) -> str:
    """The markdown of `docs` from these rows."""
    from assets.docs.records import DocumentInput
    from assets.docs.stitch import stitch

    if not pages:
        return ""
    n_pages = max(row["page_number"] for row in pages)
    return stitch(DocumentInput("0" * 64, None, n_pages, pages, images)).markdown


@functools.cache
def _code() -> str:
    """A hash of the modules that decide what a page reads as.

    With QUIRE_QUALITY_REUSE set, what was read before is taken whatever has changed since: for work
    on what comes after the pages.
    """
    if os.environ.get("QUIRE_QUALITY_REUSE"):
        return "reused"
    digest = hashlib.sha256()
    for path in sorted(_files()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for name in _CODE:
        path = ROOT / name
        yield from path.rglob("*.py") if path.is_dir() else [path]
