"""`make dev`: the Dagster UI with its daemon, over the same instance as the CLI and the demo.

Here: folders, DAGSTER_HOME and the hand-over to `dagster dev`. Not here: anything that it serves.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cli.home import prepare_home
from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT, is_local, load_settings


def main() -> None:
    """Start the UI; arguments go to `dagster dev` (`--port 3001`); `--validate` only loads."""
    try:
        settings = load_settings()
        home = prepare_home(settings)
        if is_local(settings.landing):
            Path(settings.landing).mkdir(parents=True, exist_ok=True)
        Lake(settings.lake, settings.storage_options).check_writable()
    except (QuireError, OSError) as error:
        sys.stderr.write(f"quire: {error}\n")
        raise SystemExit(1) from None
    sys.stderr.write(
        f"landing zone: {settings.landing}\nlake:         {settings.lake}\n"
        f"instance:     {home}\nDrop PDFs into the landing zone; the UI is at the address below.\n"
    )
    os.chdir(REPOSITORY_ROOT)
    validate = sys.argv[1:] == ["--validate"]
    what = ["definitions", "validate"] if validate else ["dev", *sys.argv[1:]]
    command = [sys.executable, "-m", "dagster", *what, "-w", "workspace.yaml"]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    main()
