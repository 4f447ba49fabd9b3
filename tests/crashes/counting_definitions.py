"""Dagster's definitions as `quire.py` here has them: small micro-batches, pages that are noted."""

from __future__ import annotations

import assets.pages.build
import io_managers.checkpoints
from definitions import build_defs

io_managers.checkpoints.CHECKPOINT_SECONDS = 0.0  # type: ignore[misc]
assets.pages.build._READ = "tests.crashes.counting:read"  # type: ignore[misc]

defs = build_defs()
