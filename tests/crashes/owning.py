"""A landing zone and a lake in which batches are run one by one, in this process."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from assets.context import StageContext
from io_managers.publish import publish_staged
from io_managers.schemas import STAGES
from resources.lake.batches import retryable_batches, unfinished_batches
from resources.lake.lake import Lake
from resources.lake.release import quarantined, release_documents
from resources.lake.states import LakeStates
from resources.settings import load_settings
from sensors.scan import tick
from tests.crashes.in_process import BUILDS, InProcessWorkers
from tests.crashes.test_stateful import pdf


class Estate:
    """Copies of documents come and go; `take` makes batches, `run` does some stages of one."""

    def __init__(self, root: Path) -> None:
        for name in ("landing", "spool"):
            (root / name).mkdir(parents=True)
        overrides = {"landing": str(root / "landing"), "lake": str(root / "lake"), "layout": "off"}
        overrides |= {"ocr": "off", "stable_seconds": "0", "batch_max_docs": "2", "workers": "2"}
        self.settings = load_settings({}, root, overrides)
        self.landing = root / "landing"
        self.lake = Lake(self.settings.lake)
        self.workers: Any = InProcessWorkers(root / "spool")
        self.stamp = 1_700_000_000

    def put(self, name: str, text: bytes, stamp: int | None = None) -> int:
        """A file of its own time, or of the time that it had before it was removed."""
        if stamp is None:
            self.stamp += 1
        stamp = self.stamp if stamp is None else stamp
        (self.landing / name).write_bytes(pdf(text))
        os.utime(self.landing / name, (stamp, stamp))
        return stamp

    def remove(self, name: str) -> None:
        (self.landing / name).unlink()

    def take(self) -> tuple[str, ...]:
        """Make batches of what is new."""
        return tick(self.lake, self.settings, [str(self.landing)], linger=False).batches

    def run(self, batch: str, stages: int = len(STAGES)) -> None:
        """The first stages of a batch."""
        context = StageContext(self.lake, self.settings, self.workers, batch, str(uuid.uuid4()))
        for build in BUILDS[:stages]:
            publish_staged(self.lake, build(context))

    def due(self) -> list[str]:
        return sorted({*unfinished_batches(self.lake), *retryable_batches(self.lake, at_once=True)})

    def settle(self) -> None:
        """Run what is due until nothing is."""
        for _ in range(30):
            batches = self.due()
            if not batches:
                return
            for batch in batches:
                self.run(batch)
        raise AssertionError(f"{batches} are due for ever")

    def release_all(self) -> None:
        states = LakeStates(self.lake)
        for row in quarantined(states):
            release_documents(states, [row["uri"]], None)

    def states(self) -> dict[str, str]:
        """The state of every file, the newest of a name."""
        rows = LakeStates(self.lake).files.sort("seen_at")
        return dict(rows.select("file_name", "state").iter_rows())

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.lake.read(table).to_dicts()

    def batches_of(self, table: str, doc_id: str) -> list[str]:
        """The batches that have rows of a document."""
        rows = self.lake.read(table, ["batch", "doc_id"]).filter(pl.col("doc_id") == doc_id)
        return sorted(rows["batch"].unique())

    def statuses(self) -> dict[str, str]:
        rows = self.lake.read("files").sort("batch")
        return dict(rows.select("file_name", "status").iter_rows())

    def name_of(self, uri: str) -> str:
        return unquote(uri.removeprefix("file://")).removeprefix(f"{self.landing}/")
