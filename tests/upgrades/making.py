"""Lakes whose rows carry the versions that the settings make, so that only what a test changes is
stale; and a summariser that is another version of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import polars as pl
from deltalake import CommitProperties, Transaction

import resources.summariser.extractive
from assets.versions import stage_version
from io_managers.publish import claim_epoch, publish_staged
from io_managers.schemas import STAGES, TABLES
from io_managers.staging import Staged, stage_file
from io_managers.versions import StageVersion, register
from resources.lake.lake import Lake, delta_schema
from resources.lake.upgrades import tables_of
from resources.settings import Settings, load_settings
from tests.lakes import Pdf, publish_batch

BODY = (
    "The harbour office of town {n} tells of the {n} ships that came to it in that year. "
    "They carried salt and wood for the houses of the town. The council asked for the report. "
    "It was written in winter, when few ships come. The harbour was deepened in the next year. "
    "More ships came after that, and the town grew. Its market moved nearer to the water."
)


def settings_over(root: Path, **more: str) -> Settings:
    given = {
        "lake": str(root / "lake"),
        "landing": str(root / "landing"),
        "workers": "2",
        "stable_seconds": "0",
        "batch_linger": "0",
        "gate": "off",
        "ocr": "off",
        "layout": "off",
        **more,
    }
    (root / "landing").mkdir(exist_ok=True)
    return load_settings({}, root, given)


def name_of(number: int) -> str:
    return f"b{number:08d}"


def pdf(number: int, k: int = 0) -> Pdf:
    """A document that no other is like."""
    body = BODY.format(n=1000 * number + k)
    return Pdf(f"{number:05d}-{k}.pdf", title=f"d{number}-{k}", pages=1, body=body)


def make_lake(settings: Settings, n_batches: int, docs_each: int = 2) -> Lake:
    """Finished batches, as the stages of these settings would have made them."""
    lake = Lake(settings.lake)
    for stage in STAGES:
        register(lake, stage_version(stage, settings), "block")
    with mock.patch("tests.lakes.version", lambda stage: stage_version(stage, settings)):
        for number in range(1, n_batches + 1):
            publish_batch(lake, name_of(number), [pdf(number, k) for k in range(docs_each)])
    _count_batches(lake, n_batches)
    return lake


def _count_batches(lake: Lake, n_batches: int) -> None:
    """Let the manifest's transaction say how many batches there are: the next gets its number."""
    table = lake.ensure("manifest")
    table.create_write_transaction(
        [],
        mode="append",
        schema=delta_schema(TABLES["manifest"]),
        commit_properties=CommitProperties(app_transactions=[Transaction("manifest", n_batches)]),
    )


@contextmanager
def newer_summariser(revision: int = 1_000) -> Iterator[None]:
    """Within it the extractive summariser has another revision: a version of its own."""
    with mock.patch.object(resources.summariser.extractive, "REVISION", revision):
        yield


def republish(lake: Lake, batch: str, stage: str, version: StageVersion, mark: str) -> None:
    """Publish a stage of a batch anew, as a newer version makes it: texts end in `mark`."""
    staged = {}
    for table in tables_of(stage):
        rows = lake.read(table, batch=batch).with_columns(version=pl.lit(version.name))
        texts = [c for c in ("text", "markdown", "summary") if c in rows.columns]
        rows = rows.with_columns(pl.col(texts) + mark)
        rows = rows.select(list(TABLES[table].columns))
        staged[table] = (stage_file(lake, table, rows, {"batch": batch}),) if rows.height else ()
    epoch = claim_epoch(lake, stage, batch)
    publish_staged(lake, Staged(stage, batch, version.name, epoch, staged))


def versions_in(lake: Lake, stage: str, batches: Sequence[str] | None = None) -> dict[str, int]:
    """Rows of a stage by version."""
    rows = lake.read(stage, ["batch", "version"])
    if batches is not None:
        rows = rows.filter(pl.col("batch").is_in(list(batches)))
    return dict(rows.group_by("version").len().iter_rows())
