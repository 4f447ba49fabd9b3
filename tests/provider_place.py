"""A batch of documents, its provider, and a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from assets.summaries.build import build_summaries
from assets.summaries.provider import Exchange, Standing
from io_managers.publish import publish_staged
from resources.llm.openai_batch.submit import Limits
from tests.fake_batch_server import BatchServer
from tests.summary_stage import BATCH, Stage

PRICE = '{"tiny": {"input": 1.0, "output": 2.0}}'


@dataclass
class Place:
    """A batch, its provider, and a clock that a test moves."""

    stage: Stage
    server: BatchServer
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    limits: Limits = field(default_factory=Limits)

    def exchange(self) -> Exchange:
        """As a process that starts now has it."""
        return Exchange(
            self.stage.lake, self.stage.settings, clock=lambda: self.now, limits=self.limits
        )

    def look(self, batch: str = BATCH) -> Standing:
        """One look at the provider, and what follows from it."""
        self.later(seconds=1)
        exchange = self.exchange()
        exchange.work.look()
        return exchange.advance(batch)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def publish(self) -> None:
        publish_staged(self.stage.lake, build_summaries(self.stage.context()))

    def to_end(self, **how: Any) -> None:
        """Until the batch is published, every job ending well."""
        for _ in range(9):
            if self.look().state != "waiting":
                self.publish()
                assert self.look().state == "nothing"
                return
            self.server.finish(**how)
            self.later(minutes=2)
        raise AssertionError("it never came to an end")

    def states(self) -> list[str]:
        rows = self.stage.lake.read("api_jobs").filter(pl.col("state") == "ingested")
        return rows.sort("recorded_at")["provider_state"].to_list()

    def settled(self) -> pl.DataFrame:
        rows = self.stage.lake.read("usage").filter(pl.col("kind") == "settled")
        return rows.filter(pl.col("micro_batch").str.starts_with("calls/"))

    def all_ok(self, n: int) -> None:
        """Every document has a good row, and no answer was paid for twice."""
        self.all_ok_rows(n)
        assert set(self.server.paid.values()) == {1}

    def all_ok_rows(self, n: int) -> None:
        """Every document has a good row."""
        rows = self.stage.rows()
        assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(rows, "ok")
        assert len(rows) == n
