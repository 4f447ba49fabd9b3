"""`quire`, with every slice of work a micro-batch of its own and every page that is read noted."""

from __future__ import annotations

import assets.pages.build
import io_managers.checkpoints
from cli.main import main

if __name__ == "__main__":
    io_managers.checkpoints.CHECKPOINT_SECONDS = 0.0  # type: ignore[misc]
    assets.pages.build._READ = "tests.crashes.counting:read"  # type: ignore[misc]
    raise SystemExit(main())
