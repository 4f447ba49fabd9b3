"""One tick of ingestion: what is new in the landing zone, what must wait, and what becomes a batch.

Here: the order of one tick; the sensor and `quire ingest` both call `tick`. Not here: what is
remembered between ticks (`looks.py`), where a batch ends (`batching.py`), the transaction that
takes files (`take.py`), asking for runs (`resources/lake/batches.py`), or Dagster.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from resources.lake.lake import Lake
from resources.lake.rates import read_rates
from resources.landing.listing import SIGHTINGS, Listing, list_all, list_landing
from resources.landing.uris import path_of
from resources.settings import Settings
from sensors.batching import Cut, cut_batches, linger_seconds, rule_for
from sensors.looks import Memory, Place, is_whole
from sensors.take import take, unknown

TAIL: Final = 1024
"""Bytes at a PDF's end that hold its `%%EOF`; what readers allow after it."""
UNENDED_LOOKS: Final = 6
"""A file without its end stays unchanged for so many times `QUIRE_STABLE_SECONDS` before it is
taken as it is: a writer may pause, and a damaged file can wait half a minute."""


@dataclass(frozen=True)
class Tick:
    """What one look at the landing zone came to.

    Attributes:
        batches: Batches that were made.
        n_seen: PDFs seen, those of earlier ticks over the same listing included.
        n_taken: Files in those batches.
        n_waiting: New files that are still changing, or wait for company.
        left: Uris of what is not taken, with the reason.
        n_held: New files that are ready and stay until there is room for their batches.
        complete: Whether the listing came to its end; the next tick goes on otherwise.
        room: How many batches might have been made; None for any number.
        sightings: What this tick itself listed (`SIGHTINGS`).
    """

    batches: tuple[str, ...] = ()
    n_seen: int = 0
    n_taken: int = 0
    n_waiting: int = 0
    left: tuple[tuple[str, str], ...] = ()
    n_held: int = 0
    complete: bool = True
    room: int | None = None
    sightings: pl.DataFrame = field(default_factory=SIGHTINGS.to_frame, repr=False, compare=False)

    @property
    def whole(self) -> bool:
        """Whether this tick listed everything by itself, from the beginning to the end."""
        return self.complete and self.sightings.height == self.n_seen

    @property
    def message(self) -> str:
        """One line for people: what was seen, taken, left and why."""
        if self.room == 0:
            known = f"; {self.n_held} new PDFs at least are left there" if self.n_held else ""
            return f"no room for another batch: the landing zone was not looked at{known}"
        so_far = "" if self.complete else " so far (the listing goes on at the next tick)"
        parts = [
            f"{self.n_seen} PDFs seen{so_far}",
            f"{self.n_taken} taken in {len(self.batches)} batches",
        ]
        if self.n_waiting:
            parts.append(f"{self.n_waiting} new ones wait (still changing, or for company)")
        if self.n_held:
            parts.append(f"{self.n_held} new ones are left until there is room for their batches")
        reasons = Counter(reason for _, reason in self.left)
        parts += [f"{n} left: {reason}" for reason, n in sorted(reasons.items())]
        return "; ".join(parts)


def tick(
    lake: Lake,
    settings: Settings,
    locations: Sequence[str],
    *,
    linger: bool,
    now: float | None = None,
    room: int | None = None,
    seconds: float = math.inf,
    job_id: str | None = None,
) -> Tick:
    """Look once at the landing zone and take what is ready.

    Args:
        lake: Where the manifest is.
        settings: Batch limits, linger and stability.
        locations: Folders (or single PDFs), or object-store prefixes, to list.
        linger: Whether a batch that is not full waits for company; `quire ingest` does not.
        now: Epoch seconds; only for the length of waits, never to tell new files from old.
        room: How many batches may be made at most.
        seconds: How long to list; of one location, the next tick goes on where this one stopped.
        job_id: The submission that these files come with.
    """
    now = time.time() if now is None else now
    memory = Memory(lake, locations)
    if room == 0:
        return Tick(room=room, n_held=memory.n_waiting)
    listing = _list(settings, locations, memory.place, seconds)
    n_seen = memory.place.n_seen + listing.sightings.height
    fresh = unknown(lake, listing.sightings)
    looks = memory.look_again(fresh, now, listing.place)
    stable = _stable(looks, settings, now, patient=linger)
    rule = rule_for(settings, read_rates(lake, settings), stable.height)
    cuts = cut_batches(stable["n_bytes"], rule)
    ready = _ready(cuts, stable, now, _linger(lake, settings) if linger else 0.0)
    n_ready = sum(cut.n_files for cut in ready)
    ready = ready[:room]
    files = stable.head(sum(cut.n_files for cut in ready))
    place = Place() if listing.place is None else Place(listing.place, n_seen)
    memory.keep(files, place)
    taken = take(lake, files.select(list(SIGHTINGS)), ready, rule, job_id)
    n_held = n_ready - files.height
    return Tick(
        batches=taken.batches,
        n_seen=n_seen,
        n_taken=taken.n_files,
        n_waiting=fresh.height - taken.n_files - n_held,
        left=listing.left,
        n_held=n_held,
        complete=listing.place is None,
        room=room,
        sightings=listing.sightings,
    )


def _list(settings: Settings, locations: Sequence[str], place: Place, seconds: float) -> Listing:
    """List one location from where the last tick stopped, or several as a whole."""
    options = settings.storage_options
    if len(locations) == 1:
        return list_landing(locations[0], options, after=place.after, seconds=seconds)
    return list_all(locations, options)


def _stable(looks: pl.DataFrame, settings: Settings, now: float, *, patient: bool) -> pl.DataFrame:
    """Files that are whole, oldest first: what was seen first, then what was changed first."""
    unchanged = now - pl.col("same_since")
    stable = looks.filter(is_whole(pl.col("uri")) | (unchanged >= settings.stable_seconds))
    stable = stable.sort("seen_since", "mtime", "uri", nulls_last=True)
    if not patient:
        return stable
    ready = is_whole(pl.col("uri")) | (unchanged >= settings.stable_seconds * UNENDED_LOOKS)
    ended = [
        done or _has_end(uri) for uri, done in stable.select("uri", ready.alias("done")).iter_rows()
    ]
    return stable.filter(pl.Series(ended, dtype=pl.Boolean))


def _has_end(uri: str) -> bool:
    """Whether a local file ends as a PDF does; one that cannot be read waits for the next look."""
    try:
        with open(os.fsencode(path_of(uri)), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return b"%%EOF" in os.pread(file.fileno(), TAIL, max(0, size - TAIL))
    except OSError:
        return False


def _ready(cuts: Sequence[Cut], stable: pl.DataFrame, now: float, linger: float) -> list[Cut]:
    """Batches that a limit ended, and the last one when it waited long enough for company."""
    if not cuts or cuts[-1].full:
        return list(cuts)
    since = stable["seen_since"].tail(cuts[-1].n_files).to_list()
    return list(cuts if now - min(since) >= linger else cuts[:-1])


def _linger(lake: Lake, settings: Settings) -> float:
    """Seconds that a small batch waits, by how many batches the last day held."""
    day = datetime.now(UTC) - timedelta(days=1)
    batches = lake.scan("manifest", ["batch", "seen_at"]).filter(pl.col("seen_at") >= day)
    n_batches = batches.select(pl.col("batch").n_unique()).collect().item()
    return linger_seconds(settings.batch_linger, n_batches)
