"""Dagster's shell of the progress object."""

from __future__ import annotations

import dagster as dg

from resources.telemetry.progress import Progress


def progress_resource(progress: Progress) -> dg.ResourceDefinition:
    """The progress object that this process reports to."""
    return dg.ResourceDefinition.hardcoded_resource(progress)
