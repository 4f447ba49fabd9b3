"""Dagster's shell of the worker pool."""

from __future__ import annotations

import dagster as dg

from resources.settings import Settings
from resources.workers.shared import shared_pool


def workers_resource(settings: Settings) -> dg.ResourceDefinition:
    """The worker processes of this process; they start with the first slice."""
    return dg.ResourceDefinition(
        resource_fn=lambda _: shared_pool(settings),
        description="Spawned worker processes that parse PDFs and may be killed",
    )
