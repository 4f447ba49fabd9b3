"""What one look at a large landing zone costs: seconds and memory of `sensors.scan.tick`.

Empty files are made in folders of 1,000 and taken into a lake; then a tick runs in a process of its
own over the known files and some new ones, and another over known ones alone. Not here: what runs
of batches cost (`orchestration.py`).

    python -m bench.tick --known 200000 --new 5000
    python -m bench.tick --known 1000000 --new 0
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.measure import say
from resources.lake.lake import Lake
from resources.settings import Settings, load_settings
from resources.telemetry.memory import peak_memory_mib
from sensors.scan import tick

A_FOLDER = 1_000


def settings_for(place: Path) -> Settings:
    """Settings of a landing zone and a lake under one folder; files count as whole at once."""
    settings = load_settings({}, overrides={"lake": f"{place}/lake", "landing": f"{place}/landing"})
    return replace(settings, stable_seconds=0.0, batch_linger=0.0, batch_seconds=3600.0)


def make_files(landing: Path, first: int, n_files: int) -> None:
    """Empty files, named as scanners and exports do."""
    for number in range(first, first + n_files):
        folder = landing / f"{number // A_FOLDER:05d}"
        if number % A_FOLDER == 0 or number == first:
            folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / f"invoice 2026-{number:08d}.pdf", os.O_CREAT | os.O_WRONLY))


def one_tick(place: Path, seconds: float) -> None:
    """Tick once, in this process, and say what it cost."""
    settings = settings_for(place)
    before = peak_memory_mib()
    started = time.monotonic()
    lake = Lake(settings.lake)
    seen = tick(lake, settings, [settings.landing], linger=False, seconds=seconds)
    took = time.monotonic() - started
    say(f"{took:7.2f} s, peak {peak_memory_mib():6.0f} MiB ({before:.0f} before): {seen.message}")


def _in_a_process(place: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "bench.tick", "--one", str(place), "--seconds", str(seconds)]
    subprocess.run(command, check=True)


def main() -> None:
    """Measure ticks over a large landing zone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--known", type=int, default=200_000, help="files that batches hold")
    parser.add_argument("--new", type=int, default=5_000, help="files that no batch holds")
    parser.add_argument("--seconds", type=float, default=1e9, help="how long a tick may list")
    parser.add_argument("--one", type=Path, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        one_tick(arguments.one, arguments.seconds)
        return
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as name:
        place = Path(name)
        make_files(place / "landing", 0, arguments.known)
        say(f"first listing of {arguments.known} files, all taken:")
        _in_a_process(place, arguments.seconds)
        make_files(place / "landing", arguments.known, arguments.new)
        say(f"{arguments.known} known and {arguments.new} new files:")
        _in_a_process(place, arguments.seconds)
        say("nothing new:")
        _in_a_process(place, arguments.seconds)


if __name__ == "__main__":
    main()
