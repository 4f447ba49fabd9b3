"""Fixtures that every test may use, and the line that names what was skipped for want of a need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT, Settings, load_settings
from tests.object_store import s3

__all__ = ["s3"]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real PDFs, or a skip that says how to give one."""
    given = os.environ.get("QUIRE_CORPUS")
    folder = Path(given) if given else REPOSITORY_ROOT.parent / "shared" / "corpus"
    if not (folder / "manifest.csv").is_file():
        pytest.skip("no corpus: set QUIRE_CORPUS to a folder of PDFs with a manifest.csv")
    return folder


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's settings, and none writes into the user's Dagster instance."""
    for name in list(os.environ):
        if name.startswith("QUIRE_") and name != "QUIRE_CORPUS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    (tmp_path / "dagster_home").mkdir()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over an empty landing zone and lake, two workers, no waits."""
    (tmp_path / "landing").mkdir()
    overrides = {
        "landing": str(tmp_path / "landing"),
        "lake": str(tmp_path / "lake"),
        "workers": "2",
        "stable_seconds": "0",
        "batch_linger": "0",
    }
    return load_settings({}, tmp_path, overrides)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one flag: goldens are rewritten instead of compared."""
    parser.addoption("--rewrite-golden", action="store_true", help="write golden outputs anew")
