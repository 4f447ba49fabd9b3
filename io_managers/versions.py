"""Versions of stages: what they hash, which is accepted, and the lake's record of it.

Here: the name of a version, the `versions` table, what is decided in it, and the gate that
publishing asks. Not here: how a candidate is judged (`assets/evals`), or with which settings a
stage runs while it waits (`assets/versions.py`).
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import polars as pl
from deltalake import CommitProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.schemas import VERSIONS
from resources.errors import LakeError, SettingError, VersionNotAcceptedError
from resources.lake.lake import Lake

ROLLBACK: Final = "rollback "
"""How `eval_run` begins of versions that a rollback decided; the upgrade's id follows."""
COMMIT_TRIES = 60
"""Tries at one commit; 12 writers needed 3.1 on average, so this is never the limit in practice."""


State = Literal["candidate", "accepted", "rejected"]


@dataclass(frozen=True)
class StageVersion:
    """A stage's version: what its output depends on besides its input.

    `settings` are the `QUIRE_*` values that made it, None where one is not set. They are kept
    beside the version so that another run can make it again, and are no part of its name.
    """

    stage: str
    revision: int
    engine: str
    inputs: Mapping[str, str]
    settings: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`<stage>-r<revision>-<engine>-<12 hex of the hash of the inputs>`."""
        digest = hashlib.sha256(self.inputs_json.encode()).hexdigest()[:12]
        return f"{self.stage}-r{self.revision}-{self.engine}-{digest}"

    @property
    def inputs_json(self) -> str:
        """The inputs as canonical JSON: the column `settings_json`."""
        return _canonical(self.inputs)


@dataclass(frozen=True)
class Accepted:
    """A version whose rows are current, and what a run needs to make it again.

    Attributes:
        version: Its name.
        inputs: What its hash was taken over.
        settings: The `QUIRE_*` values that made it; None where an older Quire recorded none.
    """

    version: str
    inputs: Mapping[str, str]
    settings: Mapping[str, str | None] | None


def _canonical(value: Mapping[str, str | None]) -> str:
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"))


def pause(attempt: int) -> None:
    """Wait before another try at a commit: jittered, growing to half a second."""
    time.sleep(random.uniform(0, min(0.5, 0.02 * 2 ** min(attempt, 6))))


def accepted_version(lake: Lake, stage: str) -> str | None:
    """The version whose rows are current: the accepted one that was decided last."""
    row = _newest(lake.read("versions", ["stage", "version", "state", "decided_at"]), stage)
    return None if row is None else str(row["version"])


def accepted(lake: Lake, stage: str) -> Accepted | None:
    """The same with what made it; None where the lake has no accepted version of the stage."""
    row = _newest(lake.read("versions"), stage)
    if row is None:
        return None
    settings = None if row["settings"] is None else json.loads(row["settings"])
    return Accepted(row["version"], json.loads(row["settings_json"] or "{}"), settings)


def _newest(rows: pl.DataFrame, stage: str) -> dict[str, Any] | None:
    found = rows.filter((pl.col("stage") == stage) & (pl.col("state") == "accepted"))
    found = found.sort("decided_at", maintain_order=True).tail(1)
    return None if found.is_empty() else found.to_dicts()[0]


def state_of(lake: Lake, stage: str, version: str) -> State | None:
    """The state of a version; None for one that the lake does not know."""
    rows = lake.read("versions", ["stage", "version", "state"])
    match = (pl.col("stage") == stage) & (pl.col("version") == version)
    states: list[State] = rows.filter(match)["state"].to_list()
    return states[0] if states else None


def is_accepted(lake: Lake, stage: str, version: str) -> bool:
    """Whether rows of this version may be published."""
    return state_of(lake, stage, version) == "accepted"


def register(lake: Lake, version: StageVersion, gate: str) -> State:
    """Make a version known to the lake and return its state.

    A lake's first version of a stage is accepted; a later one starts as `candidate`, or is accepted
    at once when the gate is `warn` or `off`, which a rejected one is then as well; not one that was
    rolled back, which only a person accepts again. Of a known version the settings that make it are
    brought up to date: a server may have moved.

    Raises:
        LakeError: The lake cannot be written.
    """

    def change(rows: pl.DataFrame) -> tuple[State, dict[str, Any] | None]:
        of_stage = rows.filter(pl.col("stage") == version.stage)
        known = of_stage.filter(pl.col("version") == version.name)
        newest = _newest(rows, version.stage)
        is_newest = newest is not None and newest["version"] == version.name
        taken_back = known["eval_run"].str.starts_with(ROLLBACK).any()
        open_gate = gate in ("warn", "off") and not taken_back
        if known.is_empty() or (open_gate and not is_newest):
            state: State = "accepted" if of_stage.is_empty() or open_gate else "candidate"
            return state, _row(version, state, None)
        row = known.to_dicts()[0]
        told = _canonical(version.settings)
        if version.settings and row["settings"] != told:
            return row["state"], {**row, "settings": told}
        return row["state"], None

    return _change(lake, version.stage, version.name, change)


def decide(
    lake: Lake, stage: str, version: StageVersion | str, state: State, eval_run: str | None
) -> None:
    """Write what was decided about a version; the accepted one that is decided last is current.

    Args:
        lake: Whose versions.
        stage: The stage.
        version: The version, or the name of one that the lake knows.
        state: `accepted` or `rejected`; `candidate` takes a decision back.
        eval_run: The evaluation that decided; None for a person.

    Raises:
        SettingError: The lake knows no version of this name.
        LakeError: The lake cannot be written.
    """
    name = version if isinstance(version, str) else version.name

    def change(rows: pl.DataFrame) -> tuple[None, dict[str, Any] | None]:
        known = rows.filter((pl.col("stage") == stage) & (pl.col("version") == name))
        if not known.is_empty():
            row = known.to_dicts()[0]
        elif isinstance(version, StageVersion):
            row = _row(version, state, eval_run)
        else:
            raise SettingError(
                f"{stage}: the lake knows no version {name}: it is made known by quire evals run, "
                "or by the first run that has its settings"
            )
        decided = None if state == "candidate" else datetime.now(UTC)
        return None, {**row, "state": state, "decided_at": decided, "eval_run": eval_run}

    _change(lake, stage, name, change)


def _row(version: StageVersion, state: State, eval_run: str | None) -> dict[str, Any]:
    return {
        "stage": version.stage,
        "version": version.name,
        "settings_json": version.inputs_json,
        "state": state,
        "decided_at": datetime.now(UTC) if state == "accepted" else None,
        "eval_run": eval_run,
        "settings": _canonical(version.settings) if version.settings else None,
    }


_Answer = TypeVar("_Answer")


def _change(
    lake: Lake,
    stage: str,
    version: str,
    change: Callable[[pl.DataFrame], tuple[_Answer, dict[str, Any] | None]],
) -> _Answer:
    """Replace one version's row as `change` says of the rows at one snapshot; None writes nothing.

    Of two writers at once one conflicts, reads again and is asked again.
    """
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure("versions")
        rows = lake.read("versions", table=table)
        answer, row = change(rows)
        if row is None:
            return answer
        kept = rows.filter((pl.col("stage") != stage) | (pl.col("version") != version))
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
        return answer
    raise LakeError(f"could not record version {version}: too many writers, run again")


def require_accepted(lake: Lake, stage: str, version: str) -> None:
    """Refuse a version that is not accepted.

    Raises:
        VersionNotAcceptedError: With what to do about it.
    """
    state = state_of(lake, stage, version)
    if state != "accepted":
        raise VersionNotAcceptedError(
            not_accepted(stage, version, state, accepted_version(lake, stage))
        )


def not_accepted(stage: str, version: str, state: State | None, current: str | None) -> str:
    """What keeps rows of a version back, and the mend, in one sentence each."""
    why = {
        "candidate": "is a candidate, not accepted: nothing has judged it yet",
        "rejected": "is not accepted: it was rejected",
    }.get(state or "", "is not accepted: this lake does not know it")
    readers = f"readers keep {current}" if current else "readers see none"
    mend = "judge it with quire evals run, put the settings back, or set QUIRE_GATE=off"
    if state == "rejected":
        mend = (
            "put the settings back, look at quire evals compare, or accept it yourself with quire "
            "evals accept"
        )
    return (
        f"{stage}: version {version} {why}, so none of its rows may be published and {readers}; "
        f"{mend}"
    )
