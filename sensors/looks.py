"""What ticks remember of files that are new and not taken yet, and how far a long listing got.

Here: the two looks at a file, and the place in a listing that goes over several ticks. Both are
small objects in the lake: whoever ticks next, on whatever host, goes on from them. Losing them
costs a look, never a file. Not here: what is new (`scan.py`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import polars as pl

from resources.lake.lake import Lake
from resources.landing.listing import SIGHTINGS
from resources.landing.uris import FILE, raw_bytes

MAX_REMEMBERED: Final = 200_000
"""Files that are remembered while they wait; of more, those listed last are looked at anew."""
LOOKS: Final = pl.Schema({**SIGHTINGS, "same_since": pl.Float64(), "seen_since": pl.Float64()})
"""A sighting, when it was first seen as it is now, and when first at all (epoch seconds)."""
_FOLDER: Final = "_quire/seen"
_STATE: Final = ("n_bytes", "etag", "mtime")


@dataclass(frozen=True)
class Place:
    """How far the present listing got: up to this uri (None: it begins), and PDFs seen so far."""

    after: str | None = None
    n_seen: int = 0


class Memory:
    """The memory of ticks over some locations.

    Each set of locations has its own: a tick forgets what it does not see, so `quire ingest` of
    another folder and the sensor would wipe out each other's looks for ever.
    """

    def __init__(self, lake: Lake, locations: Sequence[str]) -> None:
        """Read what the last tick left."""
        place = json.dumps(sorted(set(locations))).encode()
        self._name = f"{_FOLDER}/{hashlib.sha256(place).hexdigest()[:12]}"
        self._lake = lake
        held = lake.get(f"{self._name}.parquet")
        self._before = pl.DataFrame(schema=LOOKS) if held is None else pl.read_parquet(held)
        value = lake.get(f"{self._name}.json")
        self.place = Place() if value is None else Place(**json.loads(value))
        self._after = self._before

    @property
    def n_waiting(self) -> int:
        """Files that the last tick left."""
        return self._before.height

    def look_again(self, fresh: pl.DataFrame, now: float, upto: str | None) -> pl.DataFrame:
        """Compare new files with the last look at each: their state must agree over two looks.

        What was remembered of the part that was listed, from the last place up to `upto`, is
        replaced by what was found there.

        Args:
            fresh: `SIGHTINGS` that no batch holds.
            now: Epoch seconds.
            upto: The place up to which was listed; None for the end.

        Returns:
            `fresh` with the columns of `LOOKS`.
        """
        old = self._before.rename({name: f"_{name}" for name in LOOKS if name != "uri"})
        joined = fresh.join(old, on="uri", how="left", maintain_order="left")
        same = pl.all_horizontal(
            pl.col("_same_since").is_not_null(),
            *(pl.col(name).eq_missing(pl.col(f"_{name}")) for name in _STATE),
        )
        # A clock that was stepped back must not make a file wait for ever: times never lie ahead.
        same_since = pl.when(same).then(pl.min_horizontal("_same_since", pl.lit(now)))
        looks = joined.select(
            *SIGHTINGS,
            same_since=same_since.otherwise(pl.lit(now)),
            seen_since=pl.min_horizontal("_seen_since", pl.lit(now)),
        )
        self._after = pl.concat([_outside(self._before, self.place.after, upto), looks])
        return looks

    def keep(self, taken: pl.DataFrame, place: Place) -> None:
        """Remember what still waits, and where the listing goes on."""
        waiting = self._after.join(taken, on="uri", how="anti", maintain_order="left")
        # Looks first: a place without its looks would pass by files that nobody compared.
        if not waiting.equals(self._before):
            self._put(waiting.head(MAX_REMEMBERED))
        if place != self.place:
            self._lake.put(f"{self._name}.json", json.dumps(asdict(place)).encode())

    def _put(self, waiting: pl.DataFrame) -> None:
        if waiting.is_empty():
            self._lake.delete(f"{self._name}.parquet")
            return
        packed = io.BytesIO()
        waiting.write_parquet(packed, compression="zstd")
        self._lake.put(f"{self._name}.parquet", packed.getvalue())


def is_whole(sighting: pl.Expr) -> pl.Expr:
    """Whether a sighting's uri is of a store whose objects appear whole or not at all."""
    return ~sighting.str.starts_with(FILE)


def _outside(looks: pl.DataFrame, after: str | None, upto: str | None) -> pl.DataFrame:
    """Looks at files outside a part of the listing, which is in the order of raw bytes."""
    if looks.is_empty() or (after is None and upto is None):
        return looks.clear()
    low = b"" if after is None else raw_bytes(after)
    high = None if upto is None else raw_bytes(upto)
    keys = (raw_bytes(uri) for uri in looks["uri"])
    outside = [key <= low or (high is not None and key > high) for key in keys]
    return looks.filter(pl.Series(outside, dtype=pl.Boolean))
