"""One batch, run by Dagster in a process of its own, begun when a file says so; pages are noted."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import dagster as dg

import assets.pages.build
from definitions import INGEST_JOB, build_defs
from resources.settings import load_settings

BEGIN = "begin"


def run(root: Path, batch: str) -> bool:
    """Run a batch whole as soon as `root/begin` is there; whether all went well."""
    job = build_defs(load_settings(), pools=False).resolve_job_def(INGEST_JOB)
    with dg.DagsterInstance.get() as instance:
        (root / f"ready-{batch}").touch()
        while not (root / BEGIN).exists():
            time.sleep(0.005)
        outcome = job.execute_in_process(
            partition_key=batch, instance=instance, raise_on_error=False
        )
    return outcome.success


if __name__ == "__main__":
    assets.pages.build._READ = "tests.crashes.counting:read"  # type: ignore[misc]
    raise SystemExit(0 if run(Path(sys.argv[1]), sys.argv[2]) else 1)
