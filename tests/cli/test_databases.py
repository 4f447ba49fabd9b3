"""Dagster's databases: a process that was killed while they were made stops none after it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from cli.databases import make_databases
from resources.settings import REPOSITORY_ROOT

NAMES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
PROGRAM = "import sys; from pathlib import Path; from cli.databases import make_databases as make; "


@pytest.fixture
def home() -> Path:
    return Path(os.environ["DAGSTER_HOME"])


def works(home: Path) -> bool:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("batches", ["b00000001"])
        known = instance.get_dynamic_partitions("batches")
        return known == ["b00000001"] and instance.get_runs() == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tables", [0, 1])
def test_a_half_made_database_is_made_anew(home: Path, name: str, tables: int) -> None:
    make_databases(home)
    (home / name).unlink()
    with closing(sqlite3.connect(home / name)) as database:
        if tables:
            database.execute("create table runs (id integer)")
        database.commit()
    (home / name).touch()
    make_databases(home)
    assert works(home)


def test_what_an_instance_knows_is_kept(home: Path) -> None:
    make_databases(home)
    assert works(home)
    make_databases(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_dynamic_partitions("batches") == ["b00000001"]


def test_two_processes_at_once_make_one_instance(home: Path) -> None:
    (home / "history" / "runs").mkdir(parents=True)
    (home / "history" / "runs" / "index.db").touch()
    command = [sys.executable, "-c", f"{PROGRAM} make(Path(sys.argv[1]))", str(home)]
    both = [subprocess.Popen(command, cwd=REPOSITORY_ROOT) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert works(home)


def test_databases_elsewhere_are_left_alone(home: Path) -> None:
    (home / "dagster.yaml").write_text("storage:\n  postgres:\n    postgres_url: nowhere\n")
    make_databases(home)
    assert not (home / "history").exists()
