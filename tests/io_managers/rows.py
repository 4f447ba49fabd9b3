"""Small true rows for tests of publishing."""

from __future__ import annotations

from typing import Any

import polars as pl

from io_managers.schemas import DOCS
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import StageVersion, register
from resources.lake.lake import Lake

VERSION = StageVersion("docs", 1, "stitch", {"a": "1"})


def doc_row(doc_id: str, batch: str, text: str = "words") -> dict[str, Any]:
    return {
        "batch": batch,
        "version": VERSION.name,
        "input_sha256": "i",
        "doc_id": doc_id,
        "title": None,
        "markdown": text,
        "n_pages": 1,
        "n_failed_pages": 0,
        "n_images": 0,
        "n_tokens": 1,
        "content_sha256": "c",
        "status": "ok",
    }


def staged(lake: Lake, batch: str, *doc_ids: str, text: str = "words") -> list[StagedFile]:
    register(lake, VERSION, "block")
    rows = [doc_row(doc_id, batch, text) for doc_id in doc_ids]
    frame = pl.DataFrame(rows, schema=DOCS.polars)
    return [stage_file(lake, "docs", frame, {"batch": batch})]
