"""Files of a batch: each sighting hashed and triaged in a worker, owned once or marked a duplicate.

Here: the stage's plain function. Not here: how a PDF is triaged (`triage.py`), or who follows an
owner whose source is gone (`succession.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from assets.answers import fault_of
from assets.context import StageContext, digest
from assets.files.succession import find_succession, without
from assets.in_hand import run_tasks
from assets.versions import stage_version
from io_managers.failure_ledger import Subject
from io_managers.schemas import FILES
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from io_managers.usage import sized
from resources.errors import SOURCE_GONE, DocumentError, ErrorClass
from resources.lake.sources import sources_of
from resources.landing.copies import Copies, Wanted
from resources.workers.pool import Task

_TRIAGE: Final = "assets.files.triage:triage"
_SHA256: Final = re.compile("[0-9a-f]{64}")
_FROM_TRIAGE: Final = ("doc_id", "n_bytes", "n_pages", "n_attachments", "n_form_fields", "title")
_VERDICT: Final = (*_FROM_TRIAGE, "status", "error_class", "error")


def build_files(context: StageContext) -> Staged:
    """Triage every file of the batch's manifest and decide who owns each document."""
    lake, batch = context.lake, context.batch
    run = StageRun(
        lake,
        stage_version("files", context.settings),
        batch,
        context.run_id,
        gate=context.settings.gate,
    )
    manifest = lake.read("manifest", batch=batch).to_dicts()
    inputs = {row["uri"]: file_input(row) for row in manifest}
    succession = find_succession(lake, batch)
    carried = set(run.carry(without(inputs, succession.rows), unit="uri")["uri"])
    todo = [row for row in manifest if row["uri"] not in carried]
    triaged = _triage_all(context, run, todo)
    owners = succession.claim_all(triaged)
    replaced = _replaced(context, [row["uri"] for row in todo])
    gone = {uri for uri, found in triaged.items() if found["error_class"] in SOURCE_GONE}
    gone -= succession.pass_by(run, triaged, owners)
    kept = run.keep_published(gone, unit="uri")
    for sighting in todo:
        uri = sighting["uri"]
        if uri in kept:
            continue
        found = triaged[uri]
        owner = owners.get(found["doc_id"]) if found["doc_id"] else None
        duplicate = owner is not None and (owner.batch, owner.uri) != (batch, uri)
        before = replaced.get(uri)
        row = {
            **{column: found.get(column) for column in _FROM_TRIAGE},
            "input_sha256": inputs[uri],
            "uri": uri,
            "file_name": sighting["file_name"],
            "status": "duplicate" if duplicate else found["status"],
            "duplicate_of_batch": owner.batch if owner is not None and duplicate else None,
            "supersedes": before if before != found["doc_id"] else None,
            "error_class": None if duplicate else found["error_class"],
            "error": None if duplicate else found["error"],
            "ingested_at": run.now,
        }
        run.add("files", row, 500)
        if row["status"] == "failed":
            run.fail(Subject(found["doc_id"], uri), found["error_class"], found["error"])
        run.counts["files"] += 1
        run.work.did(sized("files", sighting["n_bytes"]))
        run.counts[f"files_{row['status']}"] += 1
        run.counts["pages"] += 0 if duplicate else found.get("n_pages") or 0
    run.counts["carried"] = len(carried)
    return run.finish()


def file_input(row: dict[str, Any]) -> str:
    """What a sighting is: its uri with its etag, or its size and time."""
    return digest(row["uri"], row["etag"], row["n_bytes"], str(row["mtime"]))


def _triage_all(
    context: StageContext, run: StageRun, sightings: Sequence[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    sources = sources_of(context.settings)
    with Copies(context.settings.storage_options) as copies:

        def tasks() -> Iterator[Task]:
            seen = ("uri", "n_bytes", "etag", "mtime")
            wanted = (
                (row["uri"], Wanted(**{name: row[name] for name in seen})) for row in sightings
            )
            for uri, copy in copies.each(wanted):
                if isinstance(copy, DocumentError):
                    found[uri] = _failed(copy.error_class, str(copy))
                    continue
                payload: dict[str, Any] = {
                    "path": copy.path,
                    "passwords": list(context.settings.passwords),
                }
                if copy.sha256 is not None:
                    payload["hashed"] = [copy.sha256, copy.n_bytes]
                yield Task(uri, _TRIAGE, payload)

        for result in run_tasks(context, run, tasks(), lambda task: [task.document]):
            uri = result.task.document
            for record, _ in result.records():
                fault = _fault(record, result.task.payload.get("hashed"))
                found[uri] = _failed(ErrorClass.INVALID_OUTPUT, fault) if fault else record
            if result.failure is not None:
                found[uri] = _failed(result.failure.error_class, result.failure.error)
            if sources is not None and found.get(uri, {}).get("status") == "ok":
                sources.keep(found[uri]["doc_id"], result.task.payload["path"])
            copies.release(result.task.payload["path"])
            context.progress.report("files", context.batch, len(found), len(sightings))
    for row in sightings:
        if row["uri"] not in found:
            found[row["uri"]] = _failed(
                ErrorClass.INVALID_OUTPUT, "the worker ended without an answer"
            )
    return found


def _fault(record: Mapping[str, Any], hashed: Sequence[Any] | None) -> str | None:
    """Why a worker's answer is no verdict; None when it is one. `hashed` is what we know better."""
    if fault := fault_of(FILES, record, _VERDICT):
        return fault
    if record["doc_id"] is not None and not _SHA256.fullmatch(record["doc_id"]):
        return "the worker's answer has no hash as doc_id"
    if hashed is not None and [record["doc_id"], record["n_bytes"]] != list(hashed):
        return "the worker's answer is about other bytes"
    whole = record["status"] == "ok" and record["doc_id"] and record["n_pages"]
    failed = record["status"] == "failed" and record["error_class"] and record["error"]
    return None if whole or failed else "the worker's answer is neither a document nor a failure"


def _failed(error_class: ErrorClass, error: str) -> dict[str, Any]:
    return {"doc_id": None, "status": "failed", "error_class": str(error_class), "error": error}


def _replaced(context: StageContext, uris: Sequence[str]) -> dict[str, str]:
    """The document that each uri held in an earlier batch, where it held one."""
    seen = context.lake.scan("manifest", ["batch", "uri"]).filter(
        pl.col("uri").is_in(list(uris)) & (pl.col("batch") < context.batch)
    )
    earlier = seen.collect()
    latest: dict[str, str] = {}
    for batch in sorted(earlier["batch"].unique()):
        rows = context.lake.read("files", ["uri", "doc_id"], batch=batch)
        rows = rows.filter(pl.col("uri").is_in(list(uris)) & pl.col("doc_id").is_not_null())
        latest |= dict(rows.iter_rows())
    return latest
