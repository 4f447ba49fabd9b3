"""What the UI shows of a batch's pages: the worst as it was read, a few rows, small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import polars as pl

from assets.context import StageContext, readable_documents
from assets.preview import cell, picture, table
from io_managers.staging import Staged, lake_frame, staged_rows
from resources.errors import QuireError
from resources.lake.sources import sources_of
from resources.landing.copies import Wanted, local_copy
from resources.workers.pool import Task

_ROW = ["doc_id", "page_number", "status", "source", "confidence", "n_chars", "error_class"]
_N_PICTURES = 3
_N_ROWS = 8
_WORST_SIDE: Final = 700
"""Pixels: headings can be read and boxes told apart, in about 50 KB of JPEG."""
_WORST_BYTES: Final = 90_000
"""A larger picture is left out: as base64 in the event log a preview stays under 200 KB."""
_BOXES: Final = 400


def preview_pages(context: StageContext, staged: Staged) -> str:
    """The worst page with its blocks, troubled rows first, and first pages of three documents."""
    rows = staged_rows(context.lake, staged, "pages", _ROW)
    order = pl.col("status").replace_strict({"failed": 0, "partial": 1}, default=2)
    ranked = rows.sort(order, pl.col("confidence").fill_null(1.0), "doc_id", "page_number")
    documents = readable_documents(context.lake, context.batch)
    shown = rows.sort(order, "doc_id", "page_number").head(_N_ROWS).to_dicts()
    texts = _of_pages(context, staged, [_key(row) for row in shown], "text")
    shown = [{**r, "doc_id": r["doc_id"][:8], "text": texts.get(_key(r))} for r in shown]
    parts = [
        _worst(context, staged, documents, ranked.head(1).to_dicts()),
        _first_pages(context, documents.head(_N_PICTURES).to_dicts()),
        table(shown, [*_ROW, "text"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _worst(
    context: StageContext, staged: Staged, documents: pl.DataFrame, worst: list[dict[str, Any]]
) -> str:
    """The page that was read worst, with its blocks in reading order drawn over it."""
    ids = [row["doc_id"] for row in worst]
    found = documents.filter(pl.col("doc_id").is_in(ids)).to_dicts()
    if not found:
        return ""
    (row,) = worst
    blocks = _of_pages(context, staged, [_key(row)], "blocks").get(_key(row)) or []
    payload = {
        "side": _WORST_SIDE,
        "dpi": 110,
        "boxes": {row["page_number"]: [_box(block) for block in blocks[:_BOXES]]},
    }
    name = f"page {row['page_number']} of {found[0]['file_name']}"
    facts = [row["status"], row["source"], row["error_class"]]
    facts += [None if row["confidence"] is None else f"confidence {row['confidence']:.2f}"]
    told = f"Read worst: {cell(name)} ({', '.join(cell(fact) for fact in facts if fact)})"
    pictures = _rendered(context, found[:1], "render_pages", row["page_number"], payload)
    shown = [picture(blob, name, "jpeg") for _, blob in pictures if len(blob) <= _WORST_BYTES]
    return "\n\n".join([told, *shown])


def _box(block: dict[str, Any]) -> tuple[str, float, float, float, float]:
    box = block["bbox"]
    return block["kind"], box["x0"], box["y0"], box["x1"], box["y1"]


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["doc_id"], row["page_number"]


def _of_pages(
    context: StageContext, staged: Staged, keys: list[tuple[str, int]], column: str
) -> dict[tuple[str, int], Any]:
    """A heavy column of a few pages; of staged files only those are read that hold one of them."""
    names = ["doc_id", "page_number", column]
    wanted = pl.DataFrame(keys, schema={"doc_id": pl.String, "page_number": pl.Int32}, orient="row")
    frames = []
    if staged.unchanged:
        published = context.lake.scan("pages", names, batch=staged.batch)
        frames.append(published.join(wanted.lazy(), on=names[:2], how="semi").collect())
    for file in () if staged.unchanged else staged.tables.get("pages", ()):
        present = lake_frame(context.lake, "pages", [file], names[:2])
        if not present.join(wanted, on=names[:2], how="semi").is_empty():
            rows = lake_frame(context.lake, "pages", [file], names)
            frames.append(rows.join(wanted, on=names[:2], how="semi"))
    return {_key(row): row[column] for frame in frames for row in frame.to_dicts()}


def _first_pages(context: StageContext, documents: list[dict[str, Any]]) -> str:
    pictures = _rendered(context, documents, "render_thumbnails", 1, {})
    return " ".join(picture(blob, f"page 1 of {name}") for name, blob in pictures)


def _rendered(
    context: StageContext,
    documents: list[dict[str, Any]],
    function: str,
    page_number: int,
    more: dict[str, Any],
) -> Iterator[tuple[str, bytes]]:
    """One page of each document as a picture, with the document's file name, made in a worker."""
    tasks = []
    sources = sources_of(context.settings)
    with ExitStack() as copies:
        for document in documents:
            wanted = Wanted(document["uri"], document["n_bytes"], sha256=document["doc_id"])
            try:
                copy = copies.enter_context(
                    local_copy(wanted, context.settings.storage_options, sources)
                )
            except QuireError:
                continue  # said where it was read; a preview has nothing to add
            payload = {
                "path": copy.path,
                "passwords": list(context.settings.passwords),
                "doc_id": document["doc_id"],
                "page_numbers": [page_number],
                **more,
            }
            name = f"assets.pages.thumbnail:{function}"
            tasks.append(Task(document["file_name"], name, payload, (page_number,)))
        for result in context.workers.run(tasks):
            for _, blob in result.records():
                if blob is not None:
                    yield result.task.document, blob
