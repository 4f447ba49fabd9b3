"""Killed at each step of a job at a provider: found again, nothing lost, nothing paid for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.summaries.build import build_summaries
from io_managers.publish import publish_staged
from resources.budget.books import Books
from resources.crash_points import JOB_POINTS, VARIABLE
from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT
from tests.fake_batch_server import BatchServer, serving
from tests.provider_stage import look, settings_at
from tests.summary_stage import BATCH, Stage, short, stage_of

N = 4
FAST = {"api_jobs.after_upload", "api_jobs.after_create", "api_jobs.settled"}


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving() as state:
        yield state


def dies(lake: Path, url: str, seconds: float, point: str) -> bool:
    """One look in a process that kills itself there; False when it never got there."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.provider_stage", str(lake), url, str(seconds)],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, VARIABLE: point},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert result.returncode in (0, -signal.SIGKILL), result.stderr.decode()
    return result.returncode != 0


@pytest.mark.parametrize(
    "point", [pytest.param(p, marks=() if p in FAST else pytest.mark.slow) for p in JOB_POINTS]
)
def test_a_look_that_is_killed_there_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path, server: BatchServer, point: str
) -> None:
    stage_of(tmp_path, [short(i) for i in range(N)])
    lake = tmp_path / "lake"
    seconds, deaths = 0.0, int(dies(lake, server.url, 0.0, point))
    for _ in range(6):
        server.finish()
        seconds += 61.0  # a list of jobs may lag
        if not deaths:
            deaths += dies(lake, server.url, seconds, point)
        elif look(lake, server.url, seconds) == "ready":
            break
    assert deaths == 1
    assert len(server.jobs) == 1
    assert len(server.paid) == N
    assert set(server.paid.values()) == {1}
    place = stage_of_lake(lake, server)
    publish_staged(place.lake, build_summaries(place.context()))
    assert [row["status"] for row in place.rows().values()] == ["ok"] * N
    assert settled(place.lake) == N
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    assert Books(place.lake).read(tomorrow).held.calls == 0
    assert look(lake, server.url, seconds) == "nothing"


def settled(lake: Lake) -> int:
    """Calls that are booked as paid."""
    rows = lake.read("usage").filter(pl.col("kind") == "settled")
    return int(rows.filter(pl.col("micro_batch").str.starts_with("calls/"))["n_items"].sum())


def stage_of_lake(lake: Path, server: BatchServer) -> Stage:
    """The lake as a process that starts now opens it."""
    return Stage(Lake(str(lake)), settings_at(lake, server.url), BATCH)


@pytest.mark.slow
def test_two_looks_at_once_send_nothing_twice(tmp_path: Path, server: BatchServer) -> None:
    stage_of(tmp_path, [short(i) for i in range(N)])
    lake = tmp_path / "lake"
    command = [sys.executable, "-m", "tests.provider_stage", str(lake), server.url]
    for seconds in ("0", "61", "122"):
        looks = [
            subprocess.Popen([*command, seconds], cwd=REPOSITORY_ROOT, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        for process in looks:
            _, error = process.communicate(timeout=120)
            assert process.returncode == 0, error.decode()
        server.finish(only=2, state="expired")
    assert look(lake, server.url, 300) in ("waiting", "ready")
    server.finish()
    assert look(lake, server.url, 400) == "ready"
    assert len(server.paid) == N
    assert set(server.paid.values()) == {1}
    assert settled(Lake(str(lake))) == N
