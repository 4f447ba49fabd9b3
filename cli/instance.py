"""What reading commands ask Dagster: which batches are in a run, and which partitions are there?

Here: a lazy look at the instance of a lake. Not here: where that instance lives (`home.py`) or
anything that starts a run.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from cli.databases import keeps_them_elsewhere
from cli.home import home_of
from cli.terminal import warn
from resources.settings import Settings

_RUNS: Final = Path("history") / "runs.db"
_UNFINISHED: Final = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


def running_batches(settings: Settings) -> frozenset[str]:
    """Batches that some run of the lake's instance holds, queued ones included.

    Importing Dagster costs a command over a second, so it is left alone while its run database is
    absent or holds no unfinished run. When Dagster cannot be asked, nothing counts as running.
    """
    home = existing_home(settings)
    if home is None:
        return frozenset()
    runs = home / _RUNS
    if runs.is_file() and _surely_idle(runs):
        return frozenset()
    return _ask_dagster(home)


def existing_home(settings: Settings) -> Path | None:
    """The home of the lake's Dagster instance; None when opening it would create one."""
    home = home_of(settings)
    if (home / _RUNS).is_file():
        return home
    if os.environ.get("DAGSTER_HOME"):
        try:
            return home if keeps_them_elsewhere(home) else None  # where there may be runs
        except OSError:
            return None
    return None


def daemon_lives(settings: Settings) -> bool:
    """Whether a daemon of the lake's instance (`make dev`) has lately said that it lives."""
    home = existing_home(settings)
    if home is None:
        return False
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    from sensors.runs import daemon_lives as lives

    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            return lives(instance)
    except (dg.DagsterError, SQLAlchemyError, OSError) as error:
        warn(f"cannot ask the Dagster instance in {home} whether its daemon lives: {error}")
        return False


def partitions(settings: Settings) -> frozenset[str] | None:
    """Names in the partition set of the lake's instance; None without an instance."""
    home = existing_home(settings)
    if home is None:
        return None
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    from assets.partitions import PARTITIONS_NAME

    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            return frozenset(instance.get_dynamic_partitions(PARTITIONS_NAME))
    except (dg.DagsterError, SQLAlchemyError, OSError) as error:
        warn(f"cannot ask the Dagster instance in {home} for its partitions: {error}")
        return None


def _surely_idle(runs: Path) -> bool:
    """Whether Dagster's SQLite file holds no unfinished run; False when that cannot be told."""
    query = f"SELECT 1 FROM runs WHERE status IN ({', '.join('?' * len(_UNFINISHED))}) LIMIT 1"  # noqa: S608  # only question marks are put in
    try:
        with closing(sqlite3.connect(f"{runs.as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            return database.execute(query, _UNFINISHED).fetchone() is None
    except sqlite3.Error:
        return False


def _ask_dagster(home: Path) -> frozenset[str]:
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    from sensors.runs import running_batches as batches_in_runs

    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            return frozenset(batches_in_runs(instance))
    except (dg.DagsterError, SQLAlchemyError, OSError) as error:
        warn(f"cannot ask the Dagster instance in {home} what runs now, so nothing is: {error}")
        return frozenset()
