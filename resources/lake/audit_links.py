"""Rules across tables: every file accounted for, every document whole, every failure recorded.

Here: joins between tables of one snapshot. Batches that are in a run are left out, because their
tables change one after the other. Not here: rules of single tables (`audit_tables.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import polars as pl

from io_managers.heirs import Successions, gone_sources
from io_managers.schemas import STAGES
from resources.errors import SOURCE_GONE
from resources.lake.snapshot import AGAIN, Finding, Snapshot, findings

_DOC: Final = ["batch", "doc_id"]
_FILE: Final = ["batch", "uri"]
_PAGE: Final = ["batch", "doc_id", "page_number"]


def check_links(snapshot: Snapshot) -> Iterator[Finding]:
    """Everything that holds between two tables."""
    for check in (
        _files_of_manifest,
        _stages_in_order,
        _owners,
        _duplicates,
        _pages,
        _documents,
        _counts,
        _images,
        _failed_rows,
        _failures,
    ):
        yield from check(snapshot)


def _files_of_manifest(snapshot: Snapshot) -> Iterator[Finding]:
    """A published batch has one `files` row per manifest row, by uri, and no other."""
    published = snapshot.published_frame("files")
    manifest = snapshot.settled("manifest", _FILE).join(published, on="batch", how="semi")
    files = snapshot.settled("files", _FILE)
    yield from findings(
        manifest.join(files, on=_FILE, how="anti", maintain_order="left"),
        "file_lost",
        "{uri}",
        "{batch} took this file and was published without it: it has no state",
        AGAIN,
    )
    yield from findings(
        files.join(manifest, on=_FILE, how="anti", maintain_order="left"),
        "file_unknown",
        "{uri}",
        "files has this file in {batch}; the manifest never put it there",
        AGAIN,
    )


def _stages_in_order(snapshot: Snapshot) -> Iterator[Finding]:
    for before, after in pairwise(STAGES):
        skipped = snapshot.published(after) - snapshot.published(before) - snapshot.running_batches
        for batch in sorted(skipped):
            yield Finding(
                "stage_skipped",
                batch,
                f"{after} is published and {before}, which it is made from, is not",
                AGAIN.format(batch=batch),
            )


def _owners(snapshot: Snapshot) -> Iterator[Finding]:
    """Every document has one owner, and the owner's `files` row says so too.

    A document whose owner lost its source is on its way to another sighting until the batches of
    both have run: these are due, and what their rows say of it until then is no finding.
    """
    owners = snapshot.read("contents", ["doc_id", "owner_batch", "owner_uri"]).rename(
        {"owner_batch": "batch", "owner_uri": "uri"}
    )
    published = snapshot.published_frame("files")
    owned = snapshot.owned()
    moving = pl.col("doc_id").is_in(Successions(snapshot.lake).due()["doc_id"].to_list())
    unread = gone_sources(snapshot.lake).filter(pl.col("doc_id").is_null())
    claimed = (
        owners.filter(~moving)
        .join(published, on="batch", how="semi", maintain_order="left")
        .join(unread, on=_FILE, how="anti", maintain_order="left")
    )
    yield from findings(
        claimed.join(owned, on=["doc_id", *_FILE], how="anti", maintain_order="left"),
        "owner_lost",
        "document {doc_id}",
        "contents says that {batch} owns it ({uri}); that batch has no such files row",
        AGAIN,
    )
    seen = snapshot.settled("files", [*_FILE, "doc_id"]).filter(pl.col("doc_id").is_not_null())
    yield from findings(
        seen.join(owners, on="doc_id", how="anti", maintain_order="left"),
        "owner_missing",
        "document {doc_id}",
        "{batch} read it ({uri}) and contents has no owner for it",
        AGAIN,
    )
    lost = pl.col("error_class").is_in([str(c) for c in SOURCE_GONE])
    gone = snapshot.settled("failures", [*_DOC, "error_class"]).filter(lost)
    rivals = owned.join(owners, on=["doc_id", *_FILE], how="anti", maintain_order="left")
    yield from findings(
        rivals.join(owners, on="doc_id", how="semi", maintain_order="left").join(
            gone, on=_DOC, how="anti", maintain_order="left"
        ),
        "owners_two",
        "document {doc_id}",
        "{batch} works on it ({uri}), and contents says that another sighting owns it",
        AGAIN,
    )


def _duplicates(snapshot: Snapshot) -> Iterator[Finding]:
    rows = snapshot.settled("files", [*_FILE, "doc_id", "status", "duplicate_of_batch"])
    rows = rows.filter(pl.col("status") == "duplicate")
    owners = snapshot.read("contents", ["doc_id"])
    batches = snapshot.read("manifest", ["batch"]).unique()
    unowned = rows.join(owners, on="doc_id", how="anti", maintain_order="left")
    elsewhere = rows.join(
        batches, left_on="duplicate_of_batch", right_on="batch", how="anti", maintain_order="left"
    )
    yield from findings(
        pl.concat([unowned, elsewhere]).unique(_FILE, maintain_order=True),
        "duplicate_lost",
        "{uri}",
        "{batch} calls it a duplicate of {doc_id} in {duplicate_of_batch}, which is not there",
        AGAIN,
    )


def _pages(snapshot: Snapshot) -> Iterator[Finding]:
    """Pages 1..n_pages of every document that opened, none missing and none beyond."""
    documents = (
        snapshot.owned()
        .filter((pl.col("status") == "ok") & pl.col("n_pages").is_not_null())
        .join(snapshot.published_frame("pages"), on="batch", how="semi", maintain_order="left")
        .unique(_DOC, keep="first", maintain_order=True)
    )
    have = (
        snapshot.settled("pages", _PAGE)
        .group_by(_DOC)
        .agg(
            pl.col("page_number").n_unique().alias("n"),
            pl.col("page_number").min().alias("low"),
            pl.col("page_number").max().alias("high"),
        )
    )
    rows = documents.join(have, on=_DOC, how="left", maintain_order="left").with_columns(
        pl.col("n").fill_null(0)
    )
    whole = (pl.col("n") == pl.col("n_pages")) & (
        (pl.col("n") == 0) | ((pl.col("low") == 1) & (pl.col("high") == pl.col("n_pages")))
    )
    yield from findings(
        rows.filter(~whole),
        "pages_missing",
        "document {doc_id}",
        "it has {n_pages} pages; pages holds {n} of them, from {low} to {high}",
        AGAIN,
    )


def _documents(snapshot: Snapshot) -> Iterator[Finding]:
    """`docs` and `summaries` have a row for every owned document; no stage has any other."""
    owned = snapshot.owned().unique(_DOC, keep="first", maintain_order=True)
    for stage, kind in (("docs", "doc_missing"), ("summaries", "summary_missing")):
        due = owned.join(
            snapshot.published_frame(stage), on="batch", how="semi", maintain_order="left"
        )
        yield from findings(
            due.join(snapshot.settled(stage, _DOC), on=_DOC, how="anti", maintain_order="left"),
            kind,
            "document {doc_id}",
            f"{{batch}} owns it and published {stage} without it",
            AGAIN,
        )
    moving = pl.col("doc_id").is_in(Successions(snapshot.lake).due()["doc_id"].to_list())
    for stage in STAGES[1:]:
        rows = snapshot.settled(stage, _DOC).unique(maintain_order=True)
        yield from findings(
            rows.filter(~moving).join(owned, on=_DOC, how="anti", maintain_order="left"),
            "not_owned",
            "document {doc_id}",
            f"{stage} has rows of it in {{batch}}, which does not own it",
            AGAIN,
        )


def _counts(snapshot: Snapshot) -> Iterator[Finding]:
    """What `docs` says of a document's pages is what `pages` says."""
    columns = ["doc_id", "batch", "n_pages", "n_failed_pages", "status"]
    counted = (
        snapshot.settled("pages", [*_PAGE, "status"])
        .group_by(_DOC)
        .agg(
            pl.len().alias("pages"),
            (pl.col("status") == "failed").sum().alias("failed"),
            (pl.col("status") != "ok").any().alias("broken"),
        )
    )
    failed = snapshot.read("failures", [*_DOC, "stage"]).filter(pl.col("stage") == "docs")
    rows = (
        snapshot.settled("docs", columns)
        .join(failed, on=_DOC, how="anti", maintain_order="left")  # an older row stands
        .join(counted, on=_DOC, how="inner", maintain_order="left")
    )
    differs = (pl.col("n_pages") != pl.col("pages")) | (
        pl.col("n_failed_pages") != pl.col("failed")
    )
    yield from findings(
        rows.filter(differs),
        "doc_stale",
        "document {doc_id}",
        "docs says {n_failed_pages} of {n_pages} pages failed, pages says {failed} of {pages}",
        AGAIN,
    )
    yield from findings(
        rows.filter((pl.col("status") == "ok") & pl.col("broken")),
        "doc_status",
        "document {doc_id}",
        "docs says ok, and pages has pages of it that are not",
        AGAIN,
    )


def _images(snapshot: Snapshot) -> Iterator[Finding]:
    rows = snapshot.settled("images", [*_PAGE, "image_index", "sha256", "status"])
    rows = rows.filter(pl.col("status") == "ok")
    stored = snapshot.settled("image_data", ["batch", "sha256"])
    yield from findings(
        rows.join(stored, on=["batch", "sha256"], how="anti", maintain_order="left"),
        "image_bytes_missing",
        "document {doc_id}, page {page_number}, image {image_index}",
        "images says ok with sha256 {sha256}, and {batch} holds no such bytes",
        AGAIN,
    )
    on_page = rows.join(snapshot.read("pages", _PAGE), on=_PAGE, how="anti", maintain_order="left")
    yield from findings(
        on_page,
        "image_page_missing",
        "document {doc_id}, page {page_number}, image {image_index}",
        "images has it in {batch}, and pages has no such page",
        AGAIN,
    )


def _failed_rows(snapshot: Snapshot) -> Iterator[Finding]:
    """Every failed row has its row in `failures`, of its own stage or of one before it."""
    failures = snapshot.read("failures", [*_PAGE, "uri", "stage"])
    by_file = failures.filter(pl.col("uri").is_not_null())
    by_doc = failures.filter(pl.col("doc_id").is_not_null())
    whole = by_doc.filter(pl.col("page_number").is_null())
    message = "{stage} failed here in {batch}, and failures has no row that says why"

    files = _failed(snapshot, "files", [*_FILE, "doc_id"])
    files = files.join(by_file, on=_FILE, how="anti", maintain_order="left")
    files = files.join(by_doc, on=_DOC, how="anti", maintain_order="left")
    yield from findings(files, "failure_missing", "{uri}", message, AGAIN)
    for stage in ("pages", "images"):
        rows = _failed(snapshot, stage, _PAGE)
        rows = rows.join(by_doc, on=_PAGE, how="anti", maintain_order="left")
        rows = rows.join(whole, on=_DOC, how="anti", maintain_order="left")
        yield from findings(
            rows, "failure_missing", "document {doc_id}, page {page_number}", message, AGAIN
        )
    for stage in ("docs", "summaries"):
        rows = _failed(snapshot, stage, _DOC)
        rows = rows.join(by_doc, on=_DOC, how="anti", maintain_order="left")
        yield from findings(rows, "failure_missing", "document {doc_id}", message, AGAIN)


def _failed(snapshot: Snapshot, stage: str, columns: list[str]) -> pl.DataFrame:
    rows = snapshot.settled(stage, [*columns, "status"]).filter(pl.col("status") == "failed")
    return rows.with_columns(stage=pl.lit(stage))


def _failures(snapshot: Snapshot) -> Iterator[Finding]:
    """Every failure is about a file of its batch, and no row of its version says that all is well.

    Good rows of another version, or of another input, may stand beside a failure: a failure never
    replaces them.
    """
    columns = [*_PAGE, "uri", "stage", "version", "error_class", "input_sha256"]
    failures = snapshot.settled("failures", columns).join(
        snapshot.published_frame("files"), on="batch", how="semi", maintain_order="left"
    )
    subject = "{stage} failure of {doc_id} {uri} page {page_number}"
    files = snapshot.settled("files", [*_FILE, "doc_id"])
    named = pl.col("doc_id").is_not_null()
    unknown = pl.concat(
        [
            failures.filter(named).join(files, on=_DOC, how="anti", maintain_order="left"),
            failures.filter(~named).join(files, on=_FILE, how="anti", maintain_order="left"),
        ]
    )
    yield from findings(
        unknown, "failure_unknown", subject, "{batch} has no such file or document", AGAIN
    )
    message = "failures says {error_class} in {batch}, and the row of the same version is ok"
    for stage in ("files", "pages", "docs", "summaries"):  # images: the failed one has its own row
        about = failures.filter(pl.col("stage") == stage)
        keys = {"files": [*_FILE], "pages": _PAGE}.get(stage, _DOC)
        if stage == "pages":
            about = about.filter(pl.col("page_number").is_not_null())
        good = (
            snapshot.settled(stage, [*keys, "version", "status", "input_sha256"])
            .group_by([*keys, "version"])
            .agg(
                (pl.col("status") == "ok").all().alias("good"),
                pl.col("input_sha256").first().alias("made_of"),
            )
            .filter(pl.col("good"))
        )
        on_same_input = pl.col("input_sha256").is_null() | pl.col("input_sha256").eq(
            pl.col("made_of")
        )
        yield from findings(
            about.join(good, on=[*keys, "version"], how="inner", maintain_order="left").filter(
                on_same_input
            ),
            "failure_contradicted",
            subject,
            message,
            AGAIN,
        )
