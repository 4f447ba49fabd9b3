"""Images of a batch: every placement a row, every distinct image stored once.

Here: the stage's plain function. Not here: how an image is found or encoded (`extract.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from assets.ahead import ahead
from assets.answers import checked
from assets.context import StageContext, chunks, digest, readable_documents, rows_by_document
from assets.slices import Job, read_in_slices
from assets.versions import stage_version
from io_managers.failure_ledger import Subject
from io_managers.schemas import IMAGES
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from resources.errors import SOURCE_GONE, ErrorClass
from resources.workers.pool import TaskFailure

_EXTRACT: Final = "assets.images.extract:extract_images"
SLICE_PAGES: Final = 32
_PICTURES: Final = pl.col("blocks").list.eval(
    pl.element().filter(pl.element().struct.field("kind") == "picture")
)
_GIVEN: Final = ("version", "batch", "doc_id", "input_sha256")
_COLUMNS: Final = tuple(c for c in IMAGES.columns if c not in _GIVEN)


def build_images(context: StageContext) -> Staged:
    """Extract the images of every document that this batch owns."""
    settings = context.settings
    version = stage_version("images", settings)
    run = StageRun(
        context.lake,
        version,
        context.batch,
        context.run_id,
        gate=settings.gate,
        beside="image_data",
    )
    documents = readable_documents(context.lake, context.batch).to_dicts()
    inputs = _inputs(context, documents)
    carried = run.carry(inputs)
    writer = _Writer(run, inputs, stored=set(_bytes_of(context, run)["sha256"]))
    empty = _without_images(context, run, inputs)
    done = set(carried["doc_id"]) | empty
    run.counts["documents"] = len(documents)
    todo = [d for d in documents if d["doc_id"] not in done]
    writer.total = sum(d["n_pages"] for d in todo)
    writer.pages = run.resumed.n_units
    _extract(context, writer, todo)
    # Documents whose source is gone were kept or failed: nobody looked for images in them.
    looked_at = {d["doc_id"] for d in todo} - set(run.carried["doc_id"]) - writer.gone
    empty |= looked_at - writer.documents
    lines = [f"{doc_id}:{inputs[doc_id]}" for doc_id in sorted(empty)]
    context.lake.put(_empty_path(context, run), "\n".join(lines).encode())
    run.stand()
    kept = _bytes_of(context, run)
    return run.finish({"image_data": kept.filter(~pl.col("sha256").is_in(writer.added))})


def _bytes_of(context: StageContext, run: StageRun) -> pl.DataFrame:
    """Hashes of the images that carried rows refer to."""
    key = ["doc_id", "page_number", "image_index"]
    published = context.lake.read("images", [*key, "sha256"], batch=context.batch)
    kept = published.join(run.carried.select(key), on=key, how="semi", maintain_order="left")
    return kept.select("sha256").drop_nulls().unique(maintain_order=True)


def _without_images(context: StageContext, run: StageRun, inputs: Mapping[str, str]) -> set[str]:
    """Documents whose last run found no image: they have no row that could be carried over."""
    path = _empty_path(context, run)
    held = context.lake.get(path)
    known = set((held or b"").decode().split())
    return {doc_id for doc_id, value in inputs.items() if f"{doc_id}:{value}" in known}


def _ever_empty(context: StageContext) -> set[str]:
    """Documents in which some version found no image."""
    folder = f"_quire/no_images/{context.batch}"
    held = [context.lake.get(f"{folder}/{name}") or b"" for name in context.lake.names(folder)]
    return {line.partition(":")[0] for text in held for line in text.decode().split()}


def _empty_path(context: StageContext, run: StageRun) -> str:
    return f"_quire/no_images/{context.batch}/{run.version}"


def _inputs(context: StageContext, documents: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What the images of a document depend on: its bytes, and how its pages were read."""
    columns = ["doc_id", "page_number", "version", "input_sha256", "status", "source", "n_chars"]
    inputs: dict[str, str] = {}
    for chunk in chunks(documents):
        ids = [d["doc_id"] for d in chunk]
        rows = rows_by_document(context.lake, "pages", context.batch, ids, columns)
        for doc_id in ids:
            inputs[doc_id] = digest(doc_id, [list(row.values()) for row in rows[doc_id]])
    return inputs


def _jobs(
    context: StageContext,
    documents: Sequence[dict[str, Any]],
    resumed: Mapping[str, Collection[int]],
) -> Iterator[Job]:
    """What the workers are given of each document, read as they have room for it."""
    for chunk, pages in ahead(_pages(context, documents)):
        for document in chunk:
            rows = pages.pop(document["doc_id"])
            answered = resumed.get(document["doc_id"], ())
            rows = [row for row in rows if row["page_number"] not in answered]
            numbers = [row["page_number"] for row in rows]
            if numbers:
                payload = _payload(context, rows)
                yield Job(
                    document["doc_id"],
                    document["uri"],
                    document["n_bytes"],
                    numbers,
                    payload,
                    complete=False,
                )


def _pages(
    context: StageContext, documents: Sequence[dict[str, Any]]
) -> Iterator[tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]]:
    """Some documents at a time, with the picture blocks of their pages."""
    columns = ["doc_id", "page_number", "source", "blocks"]
    for chunk in chunks(documents):
        ids = [d["doc_id"] for d in chunk]
        rows = rows_by_document(context.lake, "pages", context.batch, ids, columns, _PICTURES)
        yield chunk, rows


def _extract(context: StageContext, writer: _Writer, documents: list[dict[str, Any]]) -> None:
    jobs = _jobs(context, documents, writer.run.resumed.units)
    never_any = _ever_empty(context)
    for result in read_in_slices(context, writer.run, _EXTRACT, jobs, SLICE_PAGES):
        for record, blob, fault in checked(IMAGES, result.records(), _COLUMNS):
            if fault is None:
                writer.add(result.task.document, record, blob)
            else:
                writer.refuse(result.task.document, record["page_number"], fault)
        if result.failure is not None:
            if result.failure.error_class in SOURCE_GONE:
                writer.gone.add(result.task.document)
            if result.task.document not in writer.gone & never_any:  # no image before, none now
                writer.fail(result.task.document, result.failure)
        writer.run.work.did("pages", n=len(result.task.units))
        writer.run.done(result.task.document, result.task.units)
        writer.pages += len(result.task.units)
        context.progress.report("images", context.batch, writer.pages, writer.total)


def _payload(context: StageContext, pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "keep_scans": context.settings.keep_scans,
        "pages": [
            {
                "page_number": row["page_number"],
                "source": row["source"],
                "pictures": [
                    {"image_index": block["image_index"], "bbox": block["bbox"]}
                    for block in row["blocks"] or ()
                ],
            }
            for row in pages
        ],
    }


class _Writer:
    """Adds placements, and the bytes of each distinct image once."""

    def __init__(self, run: StageRun, inputs: Mapping[str, str], stored: set[str]) -> None:
        self.run = run
        self.inputs = inputs
        resumed = run.staged("image_data", ["sha256"])["sha256"].to_list()
        self.stored = stored | set(resumed)
        self.added: list[str] = resumed
        self.gone: set[str] = set()
        self.documents: set[str] = set(run.staged("images", ["doc_id"])["doc_id"])
        self.pages = self.total = 0

    def add(self, doc_id: str, record: Mapping[str, Any], blob: bytes | None) -> None:
        row = {column: record.get(column) for column in _COLUMNS}
        if not self._has_its_bytes(row, blob):
            row |= {
                "status": "failed",
                "sha256": None,
                "error_class": str(ErrorClass.INVALID_OUTPUT),
                "error": "the worker's bytes do not match their hash",
            }
            blob = None
        self._add(doc_id, row)
        if row["error_class"] is not None:
            subject = Subject(doc_id, None, row["page_number"])
            self.run.fail(subject, row["error_class"], row["error"] or "")
        sha256 = row["sha256"]
        if blob is not None and sha256 is not None and sha256 not in self.stored:
            self.stored.add(sha256)
            self.added.append(sha256)
            data = {
                "input_sha256": sha256,
                "sha256": sha256,
                "format": row["format"],
                "data": blob,
            }
            self.run.add("image_data", data, len(blob))
            self.run.counts["distinct_images"] += 1
            self.run.counts["image_bytes"] += len(blob)

    def _has_its_bytes(self, row: Mapping[str, Any], blob: bytes | None) -> bool:
        if blob is None:
            return row["sha256"] is None or row["sha256"] in self.stored
        return (row["n_bytes"], row["sha256"]) == (len(blob), hashlib.sha256(blob).hexdigest())

    def refuse(self, doc_id: str, page_number: int, fault: str) -> None:
        """An answer that cannot be a row: it has no place among the page's images."""
        self.documents.add(doc_id)
        self.run.fail(Subject(doc_id, None, page_number), ErrorClass.INVALID_OUTPUT, fault)

    def _add(self, doc_id: str, row: dict[str, Any]) -> None:
        self.documents.add(doc_id)
        self.run.add("images", {**row, "doc_id": doc_id, "input_sha256": self.inputs[doc_id]}, 300)
        self.run.counts["images"] += 1
        self.run.counts[f"images_{row['status']}"] += 1
        if row["role"] is not None:
            self.run.counts[f"role_{row['role']}"] += 1

    def fail(self, doc_id: str, failure: TaskFailure) -> None:
        for page in failure.units:
            row = dict.fromkeys(_COLUMNS) | {
                "page_number": page,
                "image_index": 0,
                "status": "failed",
                "error_class": str(failure.error_class),
                "error": failure.error,
            }
            self._add(doc_id, row)
            self.run.fail(Subject(doc_id, None, page), failure.error_class, failure.error)
