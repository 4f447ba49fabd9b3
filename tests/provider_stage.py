"""One look at a provider in a process of its own, so that a test can kill it.

`python -m tests.provider_stage LAKE URL SECONDS`: the time is SECONDS ahead of the clock.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assets.summaries.provider import Exchange
from resources.lake.lake import Lake
from resources.settings import Settings
from tests.fake_batch_server import KEY
from tests.summary_stage import BATCH, settings_of


def settings_at(lake: Path, url: str) -> Settings:
    """Settings of a model behind a Batch API."""
    return settings_of(
        lake, summariser="openai_batch", model="tiny", base_url=url, api_key=KEY,
        context_tokens="2000", budget_tokens="100000",
    )  # fmt: skip


def look(lake: Path, url: str, seconds: float) -> str:
    """One look, and what the batch waits for then."""
    exchange = Exchange(
        Lake(str(lake)),
        settings_at(lake, url),
        clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds),
    )
    exchange.work.look()
    return exchange.advance(BATCH).state


if __name__ == "__main__":
    look(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
