"""Versions of stages: what they hash, which is accepted, and the lake's record of it.

Here: the name of a version, the `versions` table, and the gate that publishing asks. Not here: how
a candidate is judged (nothing does yet).
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from deltalake import CommitProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.schemas import VERSIONS
from resources.errors import LakeError, VersionNotAcceptedError
from resources.lake.lake import Lake

COMMIT_TRIES = 60
"""Tries at one commit; 12 writers needed 3.1 on average, so this is never the limit in practice."""


@dataclass(frozen=True)
class StageVersion:
    """A stage's version: what its output depends on besides its input."""

    stage: str
    revision: int
    engine: str
    inputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """`<stage>-r<revision>-<engine>-<12 hex of the hash of the inputs>`."""
        digest = hashlib.sha256(self.settings_json.encode()).hexdigest()[:12]
        return f"{self.stage}-r{self.revision}-{self.engine}-{digest}"

    @property
    def settings_json(self) -> str:
        """The inputs as canonical JSON."""
        return json.dumps(dict(self.inputs), sort_keys=True, separators=(",", ":"))


def pause(attempt: int) -> None:
    """Wait before another try at a commit: jittered, growing to half a second."""
    time.sleep(random.uniform(0, min(0.5, 0.02 * 2 ** min(attempt, 6))))


def accepted_version(lake: Lake, stage: str) -> str | None:
    """The version whose rows are current: the accepted one that was decided last."""
    rows = (
        lake.read("versions", ["stage", "version", "state", "decided_at"])
        .filter((pl.col("stage") == stage) & (pl.col("state") == "accepted"))
        .sort("decided_at")
    )
    return None if rows.is_empty() else str(rows["version"][-1])


def is_accepted(lake: Lake, stage: str, version: str) -> bool:
    """Whether rows of this version may be published."""
    rows = lake.read("versions", ["stage", "version", "state"])
    match = (pl.col("stage") == stage) & (pl.col("version") == version)
    return not rows.filter(match & (pl.col("state") == "accepted")).is_empty()


def register(lake: Lake, version: StageVersion, gate: str) -> str:
    """Make a version known to the lake and return its state.

    A lake's first version of a stage is accepted; a later one starts as `candidate`, or is accepted
    at once when the gate is `warn` or `off`.
    """
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure("versions")
        rows = lake.read("versions", table=table)
        known = rows.filter(
            (pl.col("stage") == version.stage) & (pl.col("version") == version.name)
        )
        newest = rows.filter(
            (pl.col("stage") == version.stage) & (pl.col("state") == "accepted")
        ).sort("decided_at")
        is_newest = not newest.is_empty() and newest["version"][-1] == version.name
        first = rows.filter(pl.col("stage") == version.stage).is_empty()
        open_gate = gate in ("warn", "off")
        settled = not known.is_empty() and known["state"][0] == "rejected"
        if not known.is_empty() and (settled or is_newest or not open_gate):
            return str(known["state"][0])
        state = "accepted" if first or open_gate else "candidate"
        kept = rows.filter((pl.col("stage") != version.stage) | (pl.col("version") != version.name))
        row = {
            "stage": version.stage,
            "version": version.name,
            "settings_json": version.settings_json,
            "state": state,
            "decided_at": datetime.now(UTC) if state == "accepted" else None,
            "eval_run": None,
        }
        frame = pl.concat([kept, pl.DataFrame([row], schema=VERSIONS.polars)])
        number = lake.transactions("versions", table).get("versions", 0)
        try:
            write_deltalake(
                table,
                frame,
                mode="overwrite",
                commit_properties=CommitProperties(
                    max_commit_retries=0,
                    app_transactions=[Transaction("versions", number + 1)],
                ),
            )
        except CommitFailedError:
            pause(attempt)
            continue
        return state
    raise LakeError(f"could not record version {version.name}: too many writers, run again")


def require_accepted(lake: Lake, stage: str, version: str) -> None:
    """Refuse a version that is not accepted.

    Raises:
        VersionNotAcceptedError: With what to do about it.
    """
    if not is_accepted(lake, stage, version):
        raise VersionNotAcceptedError(
            f"{stage}: version {version} is not accepted in this lake, so none of its rows may be "
            f"published; readers keep {accepted_version(lake, stage)}. Put the settings back, have "
            "the version judged, or set QUIRE_GATE=off to accept it without an evaluation"
        )
