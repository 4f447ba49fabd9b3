"""A summariser upgrade over finished batches: only what depends on it runs, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT, Settings
from tests.end_to_end.pdfs import plain
from tests.upgrades.making import make_lake, name_of, settings_over, versions_in

UPSTREAM = ("files", "pages", "images", "image_data", "docs")


@dataclass
class Place:
    """A lake of finished batches, and `quire` with a newer summariser over it."""

    root: Path
    settings: Settings
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("QUIRE_")}
        own = {
            "QUIRE_LAKE": self.settings.lake,
            "QUIRE_LANDING": self.settings.landing,
            "QUIRE_GATE": "off",
            "QUIRE_OCR": "off",
            "QUIRE_LAYOUT": "off",
            "QUIRE_WORKERS": "2",
            "QUIRE_STABLE_SECONDS": "0",
            "QUIRE_EVAL_SHARE": "0",
            "UPGRADE_REVISION": "1000",
            "UPGRADE_NOTES": str(self.root / "notes.txt"),
            "PYTHONPATH": str(REPOSITORY_ROOT),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.upgrades.quire", *arguments],
            cwd=self.root,
            env={**kept, **own, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **more: str) -> tuple[int, dict[str, Any]]:
        process = self.start(*arguments, "--json", **more)
        out, err = process.communicate(timeout=1_800)
        assert out or process.returncode < 0, err
        return process.returncode, json.loads(out) if out else {}

    def summarised(self) -> Counter[str]:
        notes = self.root / "notes.txt"
        return Counter(notes.read_text().splitlines()) if notes.exists() else Counter()


class Reader(threading.Thread):
    """Reads the summaries all the time, and keeps what must not be seen."""

    def __init__(self, lake: Lake, pause: float) -> None:
        super().__init__(daemon=True)
        self.lake, self.ended = lake, threading.Event()
        self.looks, self.mixed, self.pause = 0, set[str](), pause

    def run(self) -> None:
        while not self.ended.wait(self.pause):
            rows = self.lake.read("summaries", ["batch", "version"])
            found = rows.group_by("batch").agg(pl.col("version").n_unique())
            self.mixed |= set(found.filter(pl.col("version") > 1)["batch"])
            self.looks += 1


def runs_of(home: Path) -> list[tuple[str, bool, float, list[str]]]:
    """Batch, whether an upgrade asked for it, when it began, and its steps; in order."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = instance.get_run_records()
        found = [
            (
                record.dagster_run.tags["dagster/partition"],
                "quire/upgrade" in record.dagster_run.tags,
                record.start_time or 0.0,
                sorted(
                    stats.step_key
                    for stats in instance.get_run_step_stats(record.dagster_run.run_id)
                ),
            )
            for record in records
        ]
    return sorted(found, key=lambda run: run[2])


@pytest.mark.parametrize(
    ("n_batches", "docs_each", "kill_at"),
    [(4, 3, 7), pytest.param(200, 2, 201, marks=pytest.mark.slow)],
)
def test_a_summariser_upgrade_runs_summaries_only_and_survives_a_kill(
    tmp_path: Path, n_batches: int, docs_each: int, kill_at: int
) -> None:
    settings = settings_over(tmp_path)
    place = Place(tmp_path, settings)
    lake = make_lake(settings, n_batches, docs_each)
    before = {name: lake.ensure(name).version() for name in UPSTREAM}  # no page is read again
    (old,) = versions_in(lake, "summaries")
    reader = Reader(lake, max(0.5, 0.01 * n_batches))
    reader.start()
    began = time.monotonic()
    code, _ = place.run("upgrade", "--canary", "2", UPGRADE_KILL_AT=str(kill_at))
    assert code == -signal.SIGKILL
    killed_after = time.monotonic() - began
    assert 0 < versions_in(lake, "summaries")[old] < n_batches * docs_each
    assert {name: lake.ensure(name).version() for name in UPSTREAM} == before

    # A fresh PDF comes in while the upgrade goes on: it is finished before the rest.
    plain(Path(settings.landing) / "fresh.pdf")
    taken = place.run("ingest", "--detach")[1]
    (fresh,) = taken["batches"]
    began = time.monotonic()
    code, told = place.run("upgrade")
    resumed_after = time.monotonic() - began
    reader.ended.set()
    reader.join()
    assert (code, told["upgrade"]["state"]) == (0, "done"), told
    assert told["fresh"] == [fresh]
    assert (reader.mixed, reader.looks > 3) == (set(), True)

    summarised = place.summarised()
    assert len(summarised) == n_batches * docs_each + 1
    again = sum(summarised.values()) - len(summarised)
    assert again <= docs_each  # what one micro-batch holds here
    (new,) = versions_in(lake, "summaries")
    assert new != old
    old_batches = [name_of(number) for number in range(1, n_batches + 1)]
    runs = runs_of(Path(os.environ["DAGSTER_HOME"]))
    upgrades = [run for run in runs if run[1]]
    assert {step for run in upgrades for step in run[3]} <= {"summaries", "evals"}
    assert {run[0] for run in upgrades} == set(old_batches)
    first_of_fresh = next(k for k, run in enumerate(runs) if run[0] == fresh)
    assert sum(run[1] for run in runs[first_of_fresh:]) > 0
    assert sum(run[1] for run in runs[:first_of_fresh]) <= kill_at // docs_each + 1
    said = (
        f"{n_batches} batches of {docs_each}: {killed_after:.0f} s to the kill, "
        f"{resumed_after:.0f} s after it, {again} documents again, {len(upgrades)} runs, "
        f"{reader.looks} looks of a reader"
    )
    (tmp_path / "measured.txt").write_text(said)
    print(said)  # noqa: T201 - the numbers that are reported
