"""One tick of ingestion: what is new in the landing zone, what must wait, and what becomes a batch.

Here: the set difference against the manifest, the two looks at a file, the linger, and the
transaction that takes files into batches. The sensor and `quire ingest` both call `tick`. Not here:
asking for runs (`resources/lake/batches.py`) or Dagster.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from io_managers.schemas import MANIFEST, TIMESTAMP
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import LakeError
from resources.lake.lake import Lake
from resources.landing.sightings import Sighting, list_landing
from resources.settings import Settings
from sensors.batching import Cut, CutRule, cut_batches

TRANSACTION: Final = "manifest"
_SEEN: Final = "_quire/seen"
_IDENTITY: Final = ["uri", "etag", "n_bytes", "mtime"]


@dataclass(frozen=True)
class Tick:
    """What one look at the landing zone came to."""

    batches: tuple[str, ...]
    n_seen: int
    n_taken: int
    n_waiting: int
    left: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:
        """One line for people: what was seen, taken, left and why."""
        parts = [f"{self.n_seen} PDFs seen", f"{self.n_taken} taken in {len(self.batches)} batches"]
        if self.n_waiting:
            parts.append(f"{self.n_waiting} new ones wait (still changing, or for company)")
        reasons: dict[str, int] = {}
        for _, reason in self.left:
            reasons[reason] = reasons.get(reason, 0) + 1
        parts += [f"{n} left: {reason}" for reason, n in sorted(reasons.items())]
        return "; ".join(parts)


@dataclass(frozen=True)
class _Look:
    """When a new file was first seen as it is now, and when first at all (epoch seconds)."""

    same_since: float
    seen_since: float


def tick(
    lake: Lake,
    settings: Settings,
    locations: Sequence[str],
    *,
    linger: bool,
    now: float | None = None,
) -> Tick:
    """Look once at the landing zone and take what is ready.

    Args:
        lake: Where the manifest is.
        settings: Batch limits, linger and stability.
        locations: Folders (or single PDFs) to list.
        linger: Whether a batch that is not full waits for company; `quire ingest` does not.
        now: Epoch seconds; only for the length of waits, never to tell new files from old.
    """
    now = time.time() if now is None else now
    found = [list_landing(location) for location in locations]
    sightings = {s.uri: s for listing in found for s in listing.sightings}
    left = tuple(item for listing in found for item in listing.left)
    fresh = unknown(lake, list(sightings.values()))
    memory = _memory(locations)
    before = _remembered(lake, memory)
    looks = _look_again(before, fresh, now)
    stable = [s for s in fresh if now - looks[s.uri].same_since >= settings.stable_seconds]
    stable.sort(key=lambda s: (looks[s.uri].seen_since, s.uri))
    rule = _rule(settings)
    ready = [
        cut
        for cut in cut_batches(stable, rule)
        if cut.full or not linger or _waited(cut, looks, now) >= settings.batch_linger
    ]
    taken_now = {s.uri for cut in ready for s in cut.files}
    waiting = [s for s in fresh if s.uri not in taken_now]
    _remember(lake, memory, before, {s.uri: _remembrance(s, looks[s.uri]) for s in waiting})
    batches, taken = _take(lake, ready, rule)
    return Tick(batches, len(sightings), taken, len(fresh) - taken, left)


def _rule(settings: Settings) -> CutRule:
    return CutRule(
        settings.batch_seconds, settings.batch_max_docs, settings.workers, settings.layout
    )


def _waited(cut: Cut, looks: Mapping[str, _Look], now: float) -> float:
    return now - min(looks[s.uri].seen_since for s in cut.files)


def unknown(
    lake: Lake, sightings: Sequence[Sighting], table: DeltaTable | None = None
) -> list[Sighting]:
    """Sightings that no batch holds: a set difference, so no clock or cursor can lose a file."""
    frame = pl.DataFrame(
        [(s.uri, s.etag, s.n_bytes, s.mtime) for s in sightings],
        schema={"uri": pl.String, "etag": pl.String, "n_bytes": pl.Int64, "mtime": TIMESTAMP},
        orient="row",
    ).with_row_index("row")
    known = lake.scan("manifest", _IDENTITY, table=table)
    fresh = (
        frame.lazy()
        .join(known, on=_IDENTITY, how="anti", nulls_equal=True, maintain_order="left")
        .collect()
    )
    return [sightings[row] for row in fresh["row"]]


def _memory(locations: Sequence[str]) -> str:
    """Where ticks over these locations remember what they saw.

    Each set of locations has a memory of its own: a tick forgets what it does not see, so `quire
    ingest` of another folder and the sensor would wipe out each other's looks for ever.
    """
    place = json.dumps(sorted(set(locations))).encode()
    return f"{_SEEN}/{hashlib.sha256(place).hexdigest()[:12]}.json"


def _remembered(lake: Lake, memory: str) -> dict[str, list[Any]]:
    held = lake.get(memory)
    remembered: dict[str, list[Any]] = json.loads(held) if held else {}
    return remembered


def _look_again(
    before: Mapping[str, list[Any]], fresh: Sequence[Sighting], now: float
) -> dict[str, _Look]:
    """Compare each new file with the last look at it: size and time must agree over two looks."""
    looks: dict[str, _Look] = {}
    for sighting in fresh:
        old = before.get(sighting.uri)
        # A clock that was stepped back must not make a file wait for ever: times never lie ahead.
        seen = min(old[4], now) if old else now
        same = min(old[3], now) if old and old[:3] == _state(sighting) else now
        looks[sighting.uri] = _Look(same, seen)
    return looks


def _state(sighting: Sighting) -> list[Any]:
    return [sighting.n_bytes, str(sighting.mtime), sighting.etag]


def _remembrance(sighting: Sighting, look: _Look) -> list[Any]:
    return [*_state(sighting), look.same_since, look.seen_since]


def _remember(
    lake: Lake, memory: str, before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]
) -> None:
    """Keep the looks at files that wait, for the next tick."""
    if after == before:
        return
    if after:
        lake.put(memory, json.dumps(after).encode())
    else:
        lake.delete(memory)


def _take(lake: Lake, cuts: Sequence[Cut], rule: CutRule) -> tuple[tuple[str, ...], int]:
    """Append the files of these batches to the manifest, exactly once whoever else does the same.

    The rows go through the table handle whose snapshot the difference was taken against, with a
    transaction number read from it: of two ticks at once one conflicts, reads again and cuts again.
    """
    files = [s for cut in cuts for s in cut.files]
    for attempt in range(COMMIT_TRIES):
        if not cuts:
            return (), 0
        table = lake.ensure("manifest")
        number = table.transaction_version(TRANSACTION) or 0
        still = unknown(lake, files, table)
        if len(still) < len(files):
            files = still
            cuts = cut_batches(files, rule)
            continue
        ids = [f"b{number + k:08d}" for k in range(1, len(cuts) + 1)]
        reach("manifest.before_take")
        try:
            write_deltalake(
                table,
                _rows(cuts, ids),
                mode="append",
                commit_properties=CommitProperties(
                    max_commit_retries=0,
                    app_transactions=[Transaction(TRANSACTION, number + len(cuts))],
                ),
            )
        except CommitFailedError:
            pause(attempt)
            continue
        reach("manifest.after_take")
        return tuple(ids), len(files)
    raise LakeError("could not take files into the manifest: too many writers, run again")


def _rows(cuts: Sequence[Cut], ids: Sequence[str]) -> pl.DataFrame:
    now = datetime.now(UTC)
    rows = [
        {
            "batch": batch,
            "uri": s.uri,
            "file_name": s.file_name,
            "n_bytes": s.n_bytes,
            "etag": s.etag,
            "mtime": s.mtime,
            "seen_at": now,
        }
        for batch, cut in zip(ids, cuts, strict=True)
        for s in cut.files
    ]
    return pl.DataFrame(rows, schema=MANIFEST.polars)
