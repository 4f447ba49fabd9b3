"""DAGSTER_HOME, taken care of: one Dagster instance per lake, shared by demo, CLI and UI.

Here: where the instance lives and that it has this repository's `dagster.yaml`. Not here: its
databases (`databases.py`), what is run in it (`ingest.py`, `dev.py`).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cli.databases import make_databases
from resources.errors import SettingError
from resources.settings import REPOSITORY_ROOT, Settings


def home_of(settings: Settings, root: Path = REPOSITORY_ROOT) -> Path:
    """The folder of the instance that belongs to a lake; DAGSTER_HOME wins where it is set.

    Batch ids count from one in every lake, so two lakes never share an instance.
    """
    given = os.environ.get("DAGSTER_HOME")
    if given:
        return Path(given).expanduser().absolute()
    folder = root / ".dagster"
    if settings.lake == str(root / "lake"):
        return folder
    return folder / "lakes" / hashlib.sha256(settings.lake.encode()).hexdigest()[:12]


def prepare_home(settings: Settings, root: Path = REPOSITORY_ROOT) -> Path:
    """Make the folder, put `dagster.yaml` in it, and set DAGSTER_HOME for this process.

    Raises:
        SettingError: The folder cannot be made.
    """
    home = home_of(settings, root)
    try:
        home.mkdir(parents=True, exist_ok=True)
        wanted = (root / "dagster.yaml").read_bytes()
        present = home / "dagster.yaml"
        ours = not os.environ.get("DAGSTER_HOME")  # a home that was given keeps its own file
        if not present.exists() or (ours and present.read_bytes() != wanted):
            present.write_bytes(wanted)
        os.environ["DAGSTER_HOME"] = str(home)
        make_databases(home)
    except OSError as error:
        raise SettingError(
            f"cannot use {home} for Dagster's records ({error.strerror}): set DAGSTER_HOME to a "
            "folder that can be written"
        ) from error
    return home
