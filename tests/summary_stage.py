"""The summaries stage over a small lake, with a scripted engine in place of the configured one.

`make_engine` is the seam: everything else is the stage as it runs. As a program it does one run
over a lake, so that a test can kill it: `python -m tests.summary_stage LAKE LOG KILL_AFTER_OR_ON`.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import polars as pl

import assets.versions
from assets.context import StageContext
from assets.summaries import model
from assets.summaries.build import build_summaries
from io_managers.publish import publish_staged
from io_managers.staging import Staged
from resources.lake.lake import Lake
from resources.settings import Settings, load_settings
from resources.workers.pool import WorkerPool
from tests.lakes import Pdf, make_lake, publish_batch, rewrite
from tests.scripted_llm import Scripted

BATCH = "b00000001"
UPSTREAM = ("files", "pages", "images", "docs")


@dataclass
class Stage:
    """One batch of a lake, and the settings that it is summarised with."""

    lake: Lake
    settings: Settings
    batch: str = BATCH

    def build(self, engine: Scripted) -> Staged:
        """One run of the stage, not yet published."""
        context = self.context()
        with (
            mock.patch.object(model, "make_engine", return_value=engine),
            mock.patch.object(assets.versions, "make_engine", return_value=engine),
        ):
            return build_summaries(context)

    def run(self, engine: Scripted) -> dict[str, int]:
        """One run of the stage; what it counted."""
        staged = self.build(engine)
        publish_staged(self.lake, staged)
        return dict(staged.counts)

    def context(self) -> StageContext:
        """No worker takes part."""
        workers = cast("WorkerPool", None)
        return StageContext(self.lake, self.settings, workers, self.batch, str(uuid.uuid4()))

    def rows(self) -> dict[str, dict[str, Any]]:
        """The published summaries by their document's title."""
        names = dict(self.lake.read("docs", ["doc_id", "title"], batch=self.batch).iter_rows())
        rows = self.lake.read("summaries", batch=self.batch).to_dicts()
        return {names[row["doc_id"]] or "": row for row in rows}

    def failures(self) -> dict[str, int]:
        """Failures of the stage by class."""
        rows = self.lake.read("failures", batch=self.batch).filter(pl.col("stage") == "summaries")
        return dict(rows.group_by("error_class").len().iter_rows())

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a document's text, as another reading of its pages would."""

        def change(rows: pl.DataFrame) -> pl.DataFrame:
            texts = [
                text.replace(old, new) if text.startswith(f"# {name}") else text
                for text in rows["markdown"]
            ]
            hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
            return rows.with_columns(
                pl.Series("markdown", texts), pl.Series("content_sha256", hashes)
            )

        rewrite(self.lake, "docs", change)


def settings_of(lake: Path, **more: str) -> Settings:
    """Settings of a model whose answers are short."""
    given = {"lake": str(lake), "landing": str(lake.parent / "landing"), "gate": "off"}
    given |= {"summariser": "transformers", "summary_tokens": "60", **more}
    return load_settings({}, lake.parent, given)


def stage_of(folder: Path, pdfs: Sequence[Pdf], **more: str) -> Stage:
    """A lake whose one batch is ready to be summarised."""
    lake = make_lake(folder / "lake")
    publish_batch(lake, BATCH, pdfs, stages=UPSTREAM)
    return Stage(lake, settings_of(folder / "lake", **more))


def short(number: int) -> Pdf:
    """A document of one request; no two say the same."""
    body = (
        f"The harbour office of town {number} tells of {number + 100} ships that came to it in "
        "that year and of what they carried. It was written for the council and has much to say."
    )
    return Pdf(f"d{number}.pdf", title=f"d{number}", body=body, pages=1)


def long(name: str = "long", sections: int = 12) -> Pdf:
    """A document of several parts, for an engine of 2,000 tokens."""
    parts = [
        f"## Part {k} of the report\n\nSection {k} tells of the ships of the year {1900 + k}. "
        + " ".join(
            f"The ship {w * k} came to the town with salt and with wood for the houses."
            for w in range(40)
        )
        for k in range(1, sections + 1)
    ]
    return Pdf(f"{name}.pdf", title=name, body="\n\n".join(parts), pages=1)


if __name__ == "__main__":
    place, log, kill_at = sys.argv[1:]
    number = int(kill_at) if kill_at.isdecimal() else None
    Stage(Lake(place), settings_of(Path(place))).run(
        Scripted(
            log=Path(log),
            kill_after=number,
            kill_on=kill_at if number is None else None,
            context=2_000,
        )
    )
