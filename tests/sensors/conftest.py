"""An instance of Dagster as `make dev` has it, for every test of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.settings import REPOSITORY_ROOT


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance with this repository's dagster.yaml and no daemon."""
    home = Path(os.environ["DAGSTER_HOME"])
    (home / "dagster.yaml").write_bytes((REPOSITORY_ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
