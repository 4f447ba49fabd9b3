"""Ingestion over weeks, simulated with the policy that ingestion uses; and what many batches cost.

Ten PDFs a minute for 60 days, and 20 million at once, through the real functions of
`sensors/batching.py` with a clock of our own; the same for an hour through the real tick over a
real lake; and Delta's operations on a table of 20,000 batches. Not here: how long a run takes
beside its work (`orchestration.py`).

    python -m bench.stream
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from deltalake import CommitProperties, Transaction
from deltalake.transaction import AddAction, RemoveAction

from bench.measure import say
from io_managers.publish import commit_partition, transaction_id
from io_managers.schemas import DOCS
from io_managers.staging import stage_file
from resources.lake.lake import Lake, delta_schema
from resources.lake.rates import Rates
from resources.settings import Settings, load_settings
from sensors.batching import batch_seconds, cut_batches, linger_seconds, rule_for
from sensors.scan import tick

DAY: Final = 86_400.0
TICK: Final = 5.0
"""Seconds between two looks (`new_pdfs`)."""
KEPT: Final = 2_000
"""Newest finished batches that stay partitions of Dagster; older ones are in the tables alone."""
RUN_START: Final = 3.0
"""Seconds until a run that the daemon asked for begins."""
LOOK_AT_LIMITS: Final = 20
"""New files after which a batch that waits is looked at for having become full."""
_CHUNK: Final = 100_000


@dataclass(frozen=True)
class Stream:
    """What became of a simulated stream.

    Attributes:
        name: what came.
        n_documents: how many.
        days: until the last of them was finished.
        n_batches: made in all; each is a partition of the Delta tables.
        busiest_day: batches of the 24 hours that held most, after the first day.
        most_live: batches that Dagster held at once: unfinished, and the newest finished ones.
        worst: seconds from arrival to being in a batch.
        middle: their median.
    """

    name: str
    n_documents: int
    days: float
    n_batches: int
    busiest_day: int
    most_live: int
    worst: float
    middle: float


def sizes(seed: int = 1) -> Iterator[int]:
    """Bytes of PDFs without end: half under 160 KB, one of a hundred over 3 MB."""
    source = random.Random(seed)
    while True:
        yield int(source.lognormvariate(12.0, 1.25))


class _Runs:
    """Batches on one host, one after the other, each as long as predicted."""

    def __init__(self) -> None:
        self.finished_at: deque[float] = deque()
        self.free_at = 0.0
        self.n_finished = self.most_live = 0

    def begin(self, now: float, seconds: float) -> None:
        self.free_at = max(self.free_at, now) + RUN_START + seconds
        self.finished_at.append(self.free_at)
        self.unfinished(now)

    def unfinished(self, now: float) -> int:
        while self.finished_at and self.finished_at[0] <= now:
            self.finished_at.popleft()
            self.n_finished += 1
        live = len(self.finished_at) + min(self.n_finished, KEPT)
        self.most_live = max(self.most_live, live)
        return len(self.finished_at)


def trickle(a_minute: float, days: float, settings: Settings, rates: Rates) -> Stream:
    """PDFs that come one by one, evenly."""
    runs, bytes_of = _Runs(), sizes()
    waiting: deque[tuple[float, int]] = deque()
    made: deque[float] = deque()
    latencies: list[float] = []
    n_batches = busiest = looked_at = arrived = 0
    for number in range(int(days * DAY / TICK)):
        now = number * TICK
        while arrived * 60 / a_minute <= now:
            waiting.append((arrived * 60 / a_minute, next(bytes_of)))
            arrived += 1
        while made and made[0] <= now - DAY:
            made.popleft()
        busiest = max(busiest, len(made)) if now > 2 * DAY else 0
        seen = _first_look(waiting[0][0]) if waiting else now
        due = now - seen >= linger_seconds(settings.batch_linger, len(made))
        if not waiting or not (due or len(waiting) >= looked_at + LOOK_AT_LIMITS):
            continue
        looked_at = len(waiting)
        rule = rule_for(settings, rates, len(waiting))
        cuts = cut_batches([size for _, size in waiting], rule)
        room = max(0, settings.max_batches - runs.unfinished(now))
        for cut in [cut for cut in cuts if cut.full or due][:room]:
            files = [waiting.popleft() for _ in range(cut.n_files)]
            latencies += [now - came for came, _ in files]
            runs.begin(now, batch_seconds([size for _, size in files], rule))
            made.append(now)
            n_batches += 1
            looked_at = 0
    name = f"{a_minute:g} a minute for {days:g} days"
    worst, middle = max(latencies), median(latencies)
    end = max(runs.free_at, days * DAY) / DAY
    return Stream(name, arrived, end, n_batches, busiest, runs.most_live, worst, middle)


def _first_look(came: float) -> float:
    """When the tick after a file's arrival sees it."""
    return -(-came // TICK) * TICK


def drop(n_documents: int, settings: Settings, rates: Rates, name: str) -> Stream:
    """PDFs that are all there at once, taken as there is room for their batches."""
    runs, bytes_of = _Runs(), sizes()
    taken_at: list[tuple[float, int]] = []
    left, now = n_documents, 0.0
    waiting: list[int] = []
    while left:
        rule = rule_for(settings, rates, left)
        waiting += islice(bytes_of, min(_CHUNK, left - len(waiting)))
        cuts = cut_batches(waiting, rule)
        done = 0
        for cut in cuts if len(waiting) == left else cuts[:-1]:
            while runs.unfinished(now) >= settings.max_batches:
                now = -(-runs.finished_at[0] // TICK) * TICK
            files = waiting[done : done + cut.n_files]
            runs.begin(now, batch_seconds(files, rule))
            taken_at.append((now, cut.n_files))
            done += cut.n_files
        waiting = waiting[done:]
        left -= done
    worst = taken_at[-1][0]
    half = n_documents / 2
    middle = next(then for then, n in _running(taken_at) if n >= half)
    days = runs.free_at / DAY
    busiest = max((round(len(taken_at) / days) if days > 1 else len(taken_at)), 0)
    return Stream(
        name, n_documents, days, len(taken_at), busiest, runs.most_live, worst, middle
    )  # fmt: skip


def _running(counted: list[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    total = 0
    for then, n in counted:
        total += n
        yield then, total


def simulate(part: float = 1.0) -> list[Stream]:
    """The streams that ingestion is built for; `part` of their length, to try it."""
    settings = replace(load_settings({}), workers=2)
    large = replace(settings, workers=16)
    text = Rates(text_page=0.01, ocr_pages_a_byte=0.0)
    n = round(20_000_000 * part)
    return [
        trickle(10, 60 * part, settings, Rates()),
        trickle(1, 60 * part, settings, Rates()),
        drop(n, large, Rates(), f"{n:,} at once, 16 workers"),
        drop(n // 10, settings, text, f"{n // 10:,} at once, text, layout off"),
    ]


def show_streams(streams: list[Stream]) -> None:
    """The table."""
    say(
        f"{'':40} {'days':>7} {'batches':>8} {'docs each':>9} {'a day':>6} {'live':>6} "
        f"{'worst wait':>11} {'median':>10}"
    )
    for row in streams:
        say(
            f"{row.name:40} {row.days:7.1f} {row.n_batches:8,} "
            f"{row.n_documents / max(row.n_batches, 1):9.0f} {row.busiest_day:6,} "
            f"{row.most_live:6,} {_time(row.worst):>11} {_time(row.middle):>10}"
        )
    say("live: batches that Dagster holds at once, at most; each batch is a Delta partition. wait:")
    say("from arrival to being in a batch. a day: the busiest; of a drop, the mean")


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < DAY else f"{seconds / DAY:.1f} days"


def real_ticks(a_minute: float, minutes: int, every: float) -> None:
    """The same policy through the real tick: real files, a real manifest, a clock of our own."""
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        landing = Path(name) / "landing"
        landing.mkdir()
        settings = load_settings({}, overrides={"landing": str(landing), "lake": f"{name}/lake"})
        lake = Lake(settings.lake)
        start, n_files, slowest = time.time(), 0, 0.0
        waited = [0.0]
        for number in range(int(minutes * 60 / every) + 1):
            while n_files * 60 / a_minute <= number * every and n_files < a_minute * minutes:
                path = landing / f"{n_files:06d}.pdf"
                path.write_bytes(b"%%PDF-1.7\n%% %d\n%%%%EOF\n" % n_files)
                n_files += 1
            began = time.perf_counter()
            now = start + number * every
            seen = tick(lake, settings, [settings.landing], linger=True, now=now)
            slowest = max(slowest, time.perf_counter() - began)
            if seen.n_taken:
                first = lake.read("manifest").height - seen.n_taken
                waited.append(number * every - first * 60 / a_minute)
        taken = lake.read("manifest", ["uri", "batch"])
        say(
            f"real ticks: {n_files} PDFs in {minutes} min, a look each {every:g} s: "
            f"{taken.height} taken ({taken['uri'].n_unique()} distinct) in "
            f"{taken['batch'].n_unique()} batches, longest wait {_time(max(waited))}, "
            f"slowest tick {slowest:.2f} s"
        )


def delta_costs(n_batches: int) -> None:
    """What opening, listing and one publish cost on a table of so many batches."""
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        lake = Lake(name)
        for first in range(1, n_batches + 1, 1_000):
            batches = [f"b{n:08d}" for n in range(first, min(first + 1_000, n_batches + 1))]
            _add_batches(lake, batches)
        rows = DOCS.empty()
        times: dict[str, float] = {}
        with _timed(times, "open"):
            table = lake.ensure("docs")
        with _timed(times, "list files"):
            table.get_add_actions(flatten=True)
        with _timed(times, "look for a mark"):
            table.transaction_version(transaction_id("docs", "b00000007"))
        with _timed(times, "read one batch of it"):
            lake.scan("docs", batch="b00000007")
        file = stage_file(lake, "docs", rows, {"batch": "b00000007"})
        for again in ("publish", "publish again"):
            with _timed(times, again):
                commit_partition(
                    lake, "docs", [file], {"batch": "b00000007"},
                    transaction_id("docs", "b00000007"), len(times) + 10,
                )  # fmt: skip
        told = ", ".join(f"{what} {seconds * 1000:.0f} ms" for what, seconds in times.items())
        say(f"a table of {n_batches:,} batches: {told}")


class _timed:  # noqa: N801 - a context manager reads as a function
    def __init__(self, times: dict[str, float], name: str) -> None:
        self.times, self.name = times, name

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.times[self.name] = time.perf_counter() - self.began


def _add_batches(lake: Lake, batches: list[str]) -> None:
    """Name a file for each batch, with the mark of its publishing; the files are never read."""
    stats = '{"numRecords": 300}'
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        AddAction(f"batch={b}/part-0.parquet", 100_000, {"batch": b}, now, True, stats)  # noqa: FBT003
        for b in batches
    ]
    marks = [Transaction(transaction_id("docs", b), 1) for b in batches]
    lake.ensure("docs").create_write_transaction(
        actions=actions,
        mode="append",
        schema=delta_schema(DOCS),
        partition_by=["batch"],
        commit_properties=CommitProperties(app_transactions=marks),
    )


def main() -> None:
    """Simulate weeks of ingestion."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--part", type=float, default=1.0, help="part of each stream, to try it")
    parser.add_argument("--minutes", type=int, default=60, help="of real ticks")
    parser.add_argument("--partitions", type=int, default=20_000, help="batches of a Delta table")
    arguments = parser.parse_args()
    if arguments.part:
        show_streams(simulate(arguments.part))
    if arguments.minutes:
        real_ticks(10, arguments.minutes, 30)
    if arguments.partitions:
        delta_costs(arguments.partitions)


if __name__ == "__main__":
    main()
