"""Running `quire` as a user does: a process of its own, over a lake of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT


@dataclass(frozen=True)
class Place:
    """A landing zone, a lake and an instance under one folder."""

    root: Path
    settings: dict[str, str]

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("QUIRE_")}
        own = {
            "QUIRE_LANDING": str(self.landing),
            "QUIRE_LAKE": str(self.root / "lake"),
            "QUIRE_STABLE_SECONDS": "0",
            "QUIRE_WORKERS": "2",
            "DAGSTER_HOME": str(self.root / "dagster_home"),
            "PYTHONPATH": str(REPOSITORY_ROOT),
        }
        return kept | own | self.settings

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cli.main", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 300) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err

    def ingest(self) -> tuple[int, dict[str, Any]]:
        code, out, err = self.run("ingest", "--json")
        assert out, err
        report: dict[str, Any] = json.loads(out)
        return code, report

    def files(self) -> dict[str, dict[str, Any]]:
        rows = self.lake.read("files").sort("batch").to_dicts()
        return {row["file_name"]: row for row in rows}


def make_place(root: Path, **settings: str) -> Place:
    (root / "landing").mkdir(parents=True)
    (root / "dagster_home").mkdir()
    return Place(root, {f"QUIRE_{name.upper()}": value for name, value in settings.items()})


def contents(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Rows of a table without what may differ between two runs of the same work."""
    passing = (
        "elapsed_ms",
        "ingested_at",
        "first_seen_at",
        "last_seen_at",
        "run_id",
        "seen_at",
        "job_id",
    )
    frame = lake.read(name).drop(passing, strict=False)
    rows = frame.with_columns(pl.col(pl.Binary).bin.encode("hex")).to_dicts()
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))
