"""Dagster's shell of the lake."""

from __future__ import annotations

import dagster as dg

from resources.lake.lake import Lake
from resources.settings import Settings


def lake_resource(settings: Settings) -> dg.ResourceDefinition:
    """The lake that the settings name; nothing is opened until a stage asks."""
    return dg.ResourceDefinition(
        resource_fn=lambda _: Lake(settings.lake, settings.storage_options),
        description="The folder or bucket prefix that holds the Delta tables",
    )
