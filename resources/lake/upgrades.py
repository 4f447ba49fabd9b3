"""The upgrade of a lake: one record of it in the lake, written before each of its steps.

Here: the record, its states, who may change it when, and what an open one needs of the tables. Not
here: what a step does (`sensors/upgrading.py`), taking it back (`rollback.py`), or what is stale
(`stale.py`).

A record is never overwritten: each change is an object of the next number, which only one writer
can create, so of two commands or sensors at once one is told that the other was first.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from io_managers.schemas import STAGES
from resources.errors import QuireError
from resources.lake.lake import Lake

State = Literal[
    "judging",
    "canary",
    "backfilling",
    "stopped",
    "rolling_back",
    "done",
    "rejected",
    "rolled_back",
]
MOVING: Final[frozenset[State]] = frozenset({"judging", "canary", "backfilling"})
OPEN: Final[frozenset[State]] = MOVING | {"stopped", "rolling_back"}
"""States in which no other upgrade may begin."""
FOLDER: Final = "_quire/upgrade"
KEPT_RECORDS: Final = 20
KEEP_SECONDS: Final = 7 * 86_400.0
"""So long after its end the files that an upgrade replaced can be put back (vacuum's own week)."""
SIDE_TABLES: Final[Mapping[str, tuple[str, ...]]] = {"images": ("image_data",)}
"""Tables that are published with a stage's own, before it."""
_CLAIMS: Final = ("summaries", "docs", "images", "image_data", "pages", "files", "failures")
"""Against the flow: what a row refers to is then never older than the row."""


@dataclass(frozen=True)
class Change:
    """A stage whose version changes; `before` is None where no other was ever accepted."""

    stage: str
    before: str | None
    to: str


@dataclass(frozen=True)
class Asked:
    """How often a batch's run was asked for in vain, and when last (epoch seconds).

    `marks` are the epochs that its stale stages had then: where they rose and rows are stale yet,
    the run was done and left those rows on purpose.
    """

    count: int = 0
    last: float = 0.0
    marks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Upgrade:
    """The record.

    Attributes:
        upgrade_id: `u` and a time.
        state: How far it is.
        began_at: ISO 8601, UTC.
        changes: What changes, in the order of the flow.
        tables: The version that each table had when it began: where its old rows are read, and
            what a rollback goes back to.
        n_canary: Batches that go first.
        canary: Which.
        n_stale: Batches that were stale when the first run was asked for.
        asked: Batches that were asked for and are stale yet.
        left: Batches that stay stale, and why.
        compared: What the canary's comparison said; None until it was made.
        why: Of a state that needs a person.
        stopped_in: The state to go on from.
        ended_at: ISO 8601, UTC.
        runner: The process of a command that works on it; sensors leave it alone while that lives.
        number: Of the record; 0 for one that was not written.
        writer: Told from another's record of the same number.
    """

    upgrade_id: str
    state: State
    began_at: str
    changes: tuple[Change, ...]
    tables: Mapping[str, int]
    n_canary: int = 3
    canary: tuple[str, ...] = ()
    n_stale: int = 0
    asked: Mapping[str, Asked] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    compared: Mapping[str, Any] | None = None
    why: str = ""
    stopped_in: State | None = None
    ended_at: str | None = None
    runner: str = ""
    number: int = 0
    writer: str = ""

    @property
    def targets(self) -> dict[str, str]:
        """The versions that rows shall have, by stage."""
        return {change.stage: change.to for change in self.changes}

    @property
    def stages(self) -> tuple[str, ...]:
        """The first stage that changes and all that come of it."""
        return flow_from(change.stage for change in self.changes)

    @property
    def message(self) -> str:
        """One line for people, with what to do next where somebody has to."""
        what = ", ".join(f"{c.stage} {c.before or 'nothing'} -> {c.to}" for c in self.changes)
        text = f"upgrade {self.upgrade_id} ({what}): {self.state.replace('_', ' ')}"
        if self.why:
            text += f": {self.why}"
        if self.state == "stopped":
            text += "; go on with quire upgrade --resume, or back with quire upgrade --rollback"
        if self.state == "rolling_back":
            text += "; end it with quire upgrade --rollback"
        return text

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def flow_from(stages: Iterable[str]) -> tuple[str, ...]:
    """Some stages and all that come of them: those from the first one on."""
    numbers = [STAGES.index(stage) for stage in stages]
    return STAGES[min(numbers) :] if numbers else ()


def tables_of(stage: str) -> tuple[str, ...]:
    """The tables that a stage publishes, its own last."""
    return (*SIDE_TABLES.get(stage, ()), stage)


def read_upgrade(lake: Lake) -> Upgrade | None:
    """The newest upgrade of a lake, ended ones too; None where there never was one."""
    names = [name for name in lake.names(FOLDER) if name.removesuffix(".json").isdecimal()]
    for name in reversed(names):
        held = lake.get(f"{FOLDER}/{name}")
        if held is not None:
            return _parse(held, int(name.removesuffix(".json")))
    return None


def open_upgrade(lake: Lake) -> Upgrade | None:
    """The upgrade that is not ended, if there is one."""
    upgrade = read_upgrade(lake)
    return upgrade if upgrade is not None and upgrade.state in OPEN else None


def begin(lake: Lake, changes: tuple[Change, ...], n_canary: int) -> Upgrade:
    """Record a new upgrade, with the tables as they are now.

    Raises:
        QuireError: One is open, or another was begun at this moment.
    """
    last = read_upgrade(lake)
    if last is not None and last.state in OPEN:
        raise QuireError(f"{last.message}. End it before another is begun")
    now = datetime.now(UTC)
    opened = {name: lake.open(name) for name in _CLAIMS}
    upgrade = Upgrade(
        upgrade_id=f"u{now:%Y%m%d-%H%M%S}",
        state="judging",
        began_at=now.isoformat(timespec="seconds"),
        changes=changes,
        tables={name: table.version() for name, table in opened.items() if table is not None},
        n_canary=n_canary,
        number=0 if last is None else last.number,
    )
    written = _write(lake, upgrade)
    if written is None:
        raise QuireError("another upgrade was begun at the same moment: quire upgrade shows it")
    return written


def record(lake: Lake, changed: Upgrade) -> Upgrade | None:
    """Record the next step; None when somebody else was first, and the record is to be read anew.

    A state that ends the upgrade is given its time.
    """
    if changed.state not in OPEN and changed.ended_at is None:
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        changed = replace(changed, ended_at=ended)
    return _write(lake, changed)


def stop(lake: Lake, why: str = "a person stopped it") -> Upgrade:
    """Stop an upgrade that moves; runs that work go to their end.

    Raises:
        QuireError: None moves.
    """
    while True:
        upgrade = read_upgrade(lake)
        if upgrade is not None and upgrade.state == "stopped":
            return upgrade
        if upgrade is None or upgrade.state not in MOVING:
            raise QuireError(f"no upgrade moves: {_told(upgrade)}")
        stopped = record(lake, replace(upgrade, state="stopped", stopped_in=upgrade.state, why=why))
        if stopped is not None:
            return stopped


def resume(lake: Lake) -> Upgrade:
    """Let a stopped upgrade go on where it was; of one that moves nothing changes.

    A canary that was found worse is a person's decision then: the backfill goes on, and batches
    that were given up are asked for again.

    Raises:
        QuireError: None is stopped.
    """
    while True:
        upgrade = read_upgrade(lake)
        if upgrade is not None and upgrade.state in MOVING:
            return upgrade
        if upgrade is None or upgrade.state != "stopped":
            raise QuireError(f"no upgrade is stopped: {_told(upgrade)}")
        state = upgrade.stopped_in or "canary"
        if state == "canary" and upgrade.compared is not None:
            state = "backfilling"
        going = record(
            lake, replace(upgrade, state=state, stopped_in=None, why="", asked={}, left={})
        )
        if going is not None:
            return going


def _told(upgrade: Upgrade | None) -> str:
    return "there never was one" if upgrade is None else upgrade.message


def needed_versions(lake: Lake, now: float | None = None) -> dict[str, int]:
    """Versions of tables whose files must stay, because an upgrade may be taken back to them."""
    upgrade = read_upgrade(lake)
    if upgrade is None or upgrade.state in ("rejected", "rolled_back"):
        return {}
    now = time.time() if now is None else now
    if upgrade.ended_at is not None:
        ended = datetime.fromisoformat(upgrade.ended_at).timestamp()
        if now - ended > KEEP_SECONDS:
            return {}
    wanted = {table for stage in upgrade.stages for table in tables_of(stage)} | {"failures"}
    return {
        name: version
        for name, version in upgrade.tables.items()
        # A log that was shortened (30 days) no longer tells which files those were.
        if name in wanted and lake.has(f"{name}/_delta_log/{version:020d}.json")
    }


def _write(lake: Lake, upgrade: Upgrade) -> Upgrade | None:
    written = replace(upgrade, number=upgrade.number + 1, writer=uuid.uuid4().hex)
    name = f"{FOLDER}/{written.number:08d}.json"
    data = json.dumps(written.as_dict(), ensure_ascii=False, indent=1).encode()
    if not lake.put_new(name, data) and lake.get(name) != data:  # ours, if its answer was lost
        return None
    if written.number > KEPT_RECORDS:
        lake.delete(f"{FOLDER}/{written.number - KEPT_RECORDS:08d}.json")
    return written


def _parse(held: bytes, number: int) -> Upgrade:
    value = json.loads(held)
    value["changes"] = tuple(Change(**one) for one in value["changes"])
    value["asked"] = {batch: Asked(**one) for batch, one in value["asked"].items()}
    value["canary"] = tuple(value["canary"])
    return Upgrade(**{**value, "number": number})
