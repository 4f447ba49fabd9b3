"""The `summaries` asset: a shell around `build.py`."""

from __future__ import annotations

import dagster as dg

from assets.asset import stage_asset
from assets.summaries.build import build_summaries
from assets.summaries.checks import documents_have_a_summary_row
from assets.summaries.preview import preview_summaries
from resources.settings import Settings


def summaries_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings."""
    return stage_asset(
        "summaries",
        settings,
        build_summaries,
        pools=pools,
        description="One summary per document, by the summariser that the settings name.",
        upstream=("docs",),
        checks=(documents_have_a_summary_row,),
        preview=preview_summaries,
    )
