"""A document that is being written slowly is taken once, and whole."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from resources.lake.lake import Lake
from resources.settings import Settings
from sensors.scan import tick

_WRITER = """
import sys, time
pieces, pause, path = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
with open(path, "wb", buffering=0) as file:
    file.write(b"%PDF-1.4\\n")
    for number in range(pieces):
        file.write(b"%" + b"x" * 1000 + b"\\n")
        time.sleep(pause)
    file.write(b"%%EOF\\n")
"""


@pytest.mark.parametrize(
    ("pieces", "pause", "stable"),
    [
        pytest.param(20, 0.1, 0.4, id="steadily"),
        pytest.param(4, 0.8, 0.4, id="with-pauses-longer-than-two-looks"),
        pytest.param(60, 1.0, 5.0, id="for-a-minute", marks=pytest.mark.slow),
    ],
)
def test_it_is_taken_once_and_whole(
    lake: Lake, settings: Settings, pieces: int, pause: float, stable: float
) -> None:
    settings = replace(settings, stable_seconds=stable, batch_linger=0)
    path = Path(settings.landing) / "slow.pdf"
    command = [sys.executable, "-c", _WRITER, str(pieces), str(pause), str(path)]
    with subprocess.Popen(command) as writer:
        deadline = time.monotonic() + pieces * pause + 20 * stable + 10
        n_taken = 0
        while time.monotonic() < deadline and not (writer.poll() is not None and n_taken):
            n_taken += tick(lake, settings, [settings.landing], linger=True).n_taken
            time.sleep(stable / 4)
    rows = lake.read("manifest")
    assert (n_taken, rows.height) == (1, 1)
    assert rows["n_bytes"].item() == path.stat().st_size
