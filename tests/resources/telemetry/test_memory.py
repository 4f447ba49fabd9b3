"""The peak that a command reports is its own, not its parent's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = "from resources.telemetry.memory import peak_memory_mib as peak; print(peak())"


def test_memory_of_the_process_that_started_it_does_not_count() -> None:
    held = bytearray(b"\x01") * (300 * 2**20)
    told = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 2 < float(told.stdout) < 150 < len(held) / 2**20
