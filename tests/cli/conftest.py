"""A small lake of every state, and a way to run a command over a lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import main
from tests.cli.telling import BATCH, Run
from tests.lakes import MIXED, make_lake, publish_batch


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    publish_batch(make_lake(root), BATCH, MIXED)
    return root


@pytest.fixture
def quire(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command over a lake; returns exit code, stdout, stderr."""

    def run(lake: Path, *arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--lake", str(lake)])
        told = capsys.readouterr()
        return int(code), told.out, told.err

    return run
