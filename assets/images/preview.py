"""What the UI shows of a batch's images: a few rows and thumbnails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from assets.context import StageContext
from assets.images.roles import DECORATION_RULE
from assets.preview import picture, table
from io_managers.staging import Staged, lake_frame, staged_rows
from resources.workers.folders import spool_folder
from resources.workers.pool import Task

_ROW = ["doc_id", "page_number", "role", "format", "width", "height", "n_bytes", "status"]
_N_PICTURES = 6


def preview_images(context: StageContext, staged: Staged) -> str:
    """The largest figures as thumbnails, a few rows, and what is not stored."""
    rows = staged_rows(context.lake, staged, "images", [*_ROW, "sha256"])
    figures = rows.filter((pl.col("role") == "figure") & (pl.col("status") == "ok"))
    figures = figures.unique("sha256", maintain_order=True).sort("n_bytes", descending=True)
    shown = rows.head(8).with_columns(pl.col("doc_id").str.head(8))
    wanted = figures.filter(pl.col("n_bytes") < 2**22)["sha256"].head(_N_PICTURES).to_list()
    pictures = _pictures(context, staged, wanted)
    return "\n\n".join([pictures, table(shown.to_dicts(), _ROW), DECORATION_RULE])


def _pictures(context: StageContext, staged: Staged, wanted: list[str]) -> str:
    """Thumbnails, reading one staged file at a time."""
    with spool_folder() as folder:  # one that a killed process leaves is swept
        paths = [str(path) for path in _written(context, staged, wanted, folder)]
        name = "assets.images.thumbnail:shrink_images"
        return " ".join(
            picture(blob, Path(paths[record["unit"] - 1]).name[:8])
            for result in context.workers.run([Task("preview", name, {"paths": paths})])
            for record, blob in result.records()
            if blob is not None
        )


def _written(
    context: StageContext, staged: Staged, wanted: list[str], folder: Path
) -> Iterator[Path]:
    for file in staged.tables.get("image_data", ()):
        hashes = lake_frame(context.lake, "image_data", [file], ["sha256"])
        if not set(hashes["sha256"]) & set(wanted):
            continue
        data = lake_frame(context.lake, "image_data", [file], ["sha256", "data"])
        for sha256, blob in data.filter(pl.col("sha256").is_in(wanted)).iter_rows():
            (folder / sha256).write_bytes(blob)
            yield folder / sha256
