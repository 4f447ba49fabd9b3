"""A finished batch whose rows lie in many small files, and what tests of table care ask of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from io_managers.publish import claim_epoch, partition_files, publish
from io_managers.schemas import DOCS, STAGES
from io_managers.stage_run import StageRun
from io_managers.staging import stage_file
from resources.lake.compaction import MANY
from resources.lake.lake import Lake
from tests.io_managers.rows import doc_row
from tests.lakes import Pdf, add_manifest, make_lake, version

BATCH = "b00000001"
DOCUMENTS = tuple(f"d{number:02d}" for number in range(MANY + 2))


def nobody() -> tuple[str, ...]:
    return ()


def put(lake: Lake, batch: str, *doc_ids: str, text: str = "words") -> None:
    """Publish one file a document."""
    files = []
    for doc_id in doc_ids:
        row = {**doc_row(doc_id, batch, text), "version": version("docs").name}
        frame = pl.DataFrame([row], schema=DOCS.polars)
        files.append(stage_file(lake, "docs", frame, {"batch": batch}))
    epoch = claim_epoch(lake, "docs", batch)
    name = version("docs").name
    publish(lake, "docs", batch, stage="docs", version=name, epoch=epoch, files=files)


def finish(lake: Lake, *batches: str) -> None:
    """Take a batch and publish every stage but docs, without rows."""
    for batch in batches:
        add_manifest(lake, batch, [Pdf(f"{batch}.pdf")])
        for stage in STAGES:
            if stage != "docs":
                name = version(stage).name
                publish(lake, stage, batch, stage=stage, version=name, epoch=1, files=[])


def table_version(lake: Lake) -> int:
    table = lake.open("docs")
    assert table is not None
    return table.version()


def files_of(lake: Lake, batch: str = BATCH) -> list[str]:
    table = lake.open("docs")
    assert table is not None
    return [row["path"] for row in partition_files(table, {"batch": batch})]


def mark(lake: Lake, batch: str = BATCH) -> int | None:
    table = lake.open("docs")
    assert table is not None
    return table.transaction_version(f"docs/{batch}")


def begin(lake: Lake, inputs: dict[str, str], run_id: str) -> StageRun:
    run = StageRun(lake, version("docs"), BATCH, run_id)
    kept = set(run.carry(inputs)["doc_id"]) | set(run.resumed.units)
    for doc_id in sorted(set(inputs) - kept):
        row = doc_row(doc_id, BATCH, f"{doc_id} {inputs[doc_id]}")
        run.add("docs", {**row, "input_sha256": inputs[doc_id]}, 10)
        run.done(doc_id)
    return run


def make_crowded(root: Path) -> Lake:
    """A lake whose docs of one finished batch lie in ten files."""
    lake = make_lake(root)
    finish(lake, BATCH)
    put(lake, BATCH, *DOCUMENTS)
    return lake
