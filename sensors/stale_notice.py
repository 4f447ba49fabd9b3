"""What the sensor `upgrades` says while no upgrade moves: what is stale.

Here: that line, looked up now and then. Not here: what is stale (`resources/lake/stale.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from assets.versions import stage_version
from io_managers.schemas import STAGES
from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.lake.stale import stale_rows, target_versions, to_do
from resources.lake.upgrades import Upgrade
from resources.settings import Settings

LOOK_SECONDS: Final = 600.0
"""A look opens the logs of five tables."""


class StaleNotice:
    """The line, kept for ten minutes."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        """Look at nothing yet."""
        self._lake = lake
        self._settings = settings
        self._configured: dict[str, str] | None = None  # an engine may have to be loaded for it
        self._text = ""
        self._looked = float("-inf")

    def message(self, upgrade: Upgrade | None) -> str:
        """One line: the upgrade that needs a person, or what is stale."""
        if upgrade is not None and upgrade.state in ("stopped", "rolling_back"):
            return upgrade.message
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            if self._configured is None:
                self._configured = configured_versions(self._settings)
            self._text = stale_line(self._lake, self._configured)
        last = f"; last: {upgrade.message}" if upgrade is not None else ""
        return f"{self._text}{last}"


def configured_versions(settings: Settings) -> dict[str, str]:
    """The versions that the settings make; without the stages whose engine is not to be had."""
    found = {}
    for stage in STAGES:
        try:
            found[stage] = stage_version(stage, settings).name
        except QuireError:
            continue  # a run of the stage says why; what is stale is told by the accepted version
    return found


def stale_line(lake: Lake, configured: Mapping[str, str]) -> str:
    """How many batches are stale, and what mends it."""
    targets = target_versions(lake, configured)
    todo = to_do(stale_rows(lake, targets))
    stages = [s for s in STAGES if any(s in found for found in todo.values())]
    waiting = [v for s, v in configured.items() if s in targets and targets[s] != v]
    parts = []
    if todo:
        parts.append(
            f"{len(todo):,} batches are stale ({', '.join(stages)}): quire upgrade, or the job "
            "upgrade, brings them up to date"
        )
    if waiting:
        parts.append(f"not accepted yet: {', '.join(waiting)} (quire upgrade judges first)")
    return "; ".join(parts) or "nothing is stale"
