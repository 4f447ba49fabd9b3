"""Which pages grade the engine: those with a sound text layer, whose own text is the truth.

Here: choosing them, the same ones each time, over all documents and languages. Not here: making
pictures of them (`pictures.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final, TypeVar

import polars as pl

from assets.context import readable_documents
from assets.pages.routing.soundness import is_backwards, is_sound, oddness
from resources.lake.lake import Lake
from resources.summariser.language import guess_language

T = TypeVar("T")

MIN_CHARS: Final = 300
"""Of a page: one wrong character of a title page would be as much as ten of a page of text."""
MAX_CHARS: Final = 20_000
MAX_PICTURES: Final = 0.15
"""Of a page's area: letters inside of pictures are read by OCR, and stand in no text layer."""
BATCHES: Final = 24
"""Batches of a lake that are looked into, whatever its size."""
POOL: Final = 4
"""Pages looked at for each that is taken: some turn out to have no text to rely on."""
_WORD: Final = re.compile(r"\w+")
_KEYS: Final = ("doc_id", "page_number")
_MARKS: Final = (*_KEYS, "status", "source", "n_chars", "error_class")
_BESIDE_THE_PAGE: Final = frozenset({"annotation", "field"})
"""Comments, hidden text and names of fields are in a page's text, and not to be seen on it."""


@dataclass(frozen=True)
class SampledPage:
    """A page with a sound text layer.

    Attributes:
        batch: The batch that owns its document.
        doc_id: Its document.
        page_number: From 1.
        uri: Where the document's file lies.
        n_bytes: Of that file, as it was read.
        version: Of `pages`, that read it.
        truth: Its text.
        language: A guess (ISO 639-1); `unknown` without one.
        boxes: Of the blocks of its text, in points as a viewer shows the page.
        furniture: Words of its running headers and footers, lower case.
    """

    batch: str
    doc_id: str
    page_number: int
    uri: str
    n_bytes: int | None
    version: str
    truth: str
    language: str
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    furniture: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What tells the page for ever."""
        return f"{self.doc_id}#{self.page_number}"


def sample_pages(
    lake: Lake, batch: str | None = None, *, n: int | None = None, share: float | None = None
) -> list[SampledPage]:
    """Pages with a sound text layer, by hash: the same ones each time while the rows are the same.

    Documents take turns, and so do languages. No page's text is read when none is to be taken.

    Args:
        lake: Where the rows are.
        batch: Of which batch; None for the whole lake (a few of its batches, by hash).
        n: Pages at most.
        share: Share of the batch's sound pages, so that over all batches it comes to this share.
    """
    if (n is None) == (share is None) or (share is not None and batch is None):
        raise ValueError("give n, or a batch and a share of its pages")
    batches = _batches(lake) if batch is None else [batch]
    found: list[SampledPage] = []
    for name in batches:
        pages = _candidates(lake, name)
        wanted = n if n is not None else sum(_place(page) < (share or 0.0) for page in pages)
        if not wanted or not pages:
            continue
        limit = POOL * wanted if batch is not None else max(POOL, POOL * wanted // len(batches))
        found += _read(lake, name, _by_document(pages)[:limit])
        if batch is not None:
            return _in_turn(found)[:wanted]
    return _in_turn(found)[:n]


def seed_of(doc_id: str, page_number: int, seed: int | None = None) -> int:
    """A number for one page's wear: the same in each run, unless a seed is given."""
    text = f"{doc_id}#{page_number}" if seed is None else f"{doc_id}#{page_number}#{seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _place(page: tuple[str, int]) -> float:
    """A page's place among all pages, 0 to 1."""
    return seed_of(*page) / 2**64


def _batches(lake: Lake) -> list[str]:
    """A few batches that have pages, by the hash of their names."""
    table = lake.open("pages")
    if table is None:
        return []
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    if files.is_empty():
        return []
    names = files.filter(pl.col("num_records") > 0)["partition.batch"].unique().to_list()
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:BATCHES]


def _candidates(lake: Lake, batch: str) -> list[tuple[str, int]]:
    """Pages whose rows say that they may do, without reading a text."""
    rows = (
        lake.scan("pages", _MARKS, batch=batch)
        .filter(
            (pl.col("source") == "text_layer")
            & (pl.col("status") == "ok")
            & pl.col("error_class").is_null()
            & pl.col("n_chars").is_between(MIN_CHARS, MAX_CHARS)
        )
        .select(_KEYS)
        .collect()
    )
    return list(rows.iter_rows())


def _by_document(pages: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The first page of each document by hash, then the second of each, and so on."""
    by_document: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for page in sorted(pages, key=_place):
        by_document[page[0]].append(page)
    return _turns(by_document.values())


def _in_turn(pages: Iterable[SampledPage]) -> list[SampledPage]:
    """One of each language, then a second of each; documents take turns within a language."""
    of_key = {(page.doc_id, page.page_number): page for page in pages}
    by_language: dict[str, list[SampledPage]] = defaultdict(list)
    for key in _by_document(of_key):
        by_language[of_key[key].language].append(of_key[key])
    return _turns(by_language[language] for language in sorted(by_language))


def _turns(groups: Iterable[Sequence[T]]) -> list[T]:
    return [x for x in chain.from_iterable(zip_longest(*groups)) if x is not None]


def _read(lake: Lake, batch: str, keys: Sequence[tuple[str, int]]) -> list[SampledPage]:
    """Those pages of a batch whose text can be relied on."""
    wanted = pl.DataFrame(
        list(keys), schema={"doc_id": pl.String(), "page_number": pl.Int32()}, orient="row"
    )
    columns = [*_KEYS, "version", "text", "width", "height", "blocks"]
    rows = (
        lake.scan("pages", columns, batch=batch)
        .join(wanted.lazy(), on=list(_KEYS), how="semi")
        .collect()
    )
    files = {row["doc_id"]: row for row in readable_documents(lake, batch).to_dicts()}
    return [
        _sampled(batch, row, files[row["doc_id"]])
        for row in rows.iter_rows(named=True)
        if row["doc_id"] in files and is_truth(row)
    ]


def is_truth(row: Mapping[str, Any]) -> bool:
    """Whether a page's text is what can be read on it: sound, and none of it beside the page."""
    text, blocks = row["text"] or "", row["blocks"] or ()
    if not is_sound(text) or is_backwards(text) or oddness(text):
        return False
    if any(block["kind"] in _BESIDE_THE_PAGE for block in blocks):
        return False
    pictures = sum(_area(block["bbox"]) for block in blocks if block["kind"] == "picture")
    return bool(pictures <= MAX_PICTURES * (row["width"] or 0) * (row["height"] or 0))


def furniture_of(blocks: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The words of running headers and footers."""
    texts = (block["text"] or "" for block in blocks if block["kind"] in ("header", "footer"))
    return frozenset(word for text in texts for word in _WORD.findall(text.casefold()))


def body_of(text: str, furniture: frozenset[str]) -> str:
    """A text without lines that say nothing but what headers, footers and page numbers do.

    Two parts of a header that stand in one line are read in one order by OCR and in another from a
    text layer. That is more than all other errors of a good scan, and says nothing of the engine.
    """
    lines = (line for line in text.splitlines() if line.strip())
    return "\n".join(line for line in lines if not _is_furniture(line, furniture))


def _is_furniture(line: str, furniture: frozenset[str]) -> bool:
    words = _WORD.findall(line.casefold())
    return all(word in furniture or word.isdecimal() for word in words)


def _area(box: Mapping[str, float] | None) -> float:
    return 0.0 if box is None else (box["x1"] - box["x0"]) * (box["y1"] - box["y0"])


def _sampled(batch: str, row: Mapping[str, Any], file: Mapping[str, Any]) -> SampledPage:
    boxes = [block["bbox"] for block in row["blocks"] or () if (block["text"] or "").strip()]
    return SampledPage(
        batch,
        row["doc_id"],
        row["page_number"],
        file["uri"],
        file["n_bytes"],
        row["version"],
        row["text"],
        guess_language(row["text"]) or "unknown",
        tuple((box["x0"], box["y0"], box["x1"], box["y1"]) for box in boxes if box),
        furniture_of(row["blocks"] or ()),
    )
