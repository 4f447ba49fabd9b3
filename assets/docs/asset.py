"""The `docs` asset: a shell around `build.py`."""

from __future__ import annotations

import dagster as dg

from assets.asset import stage_asset
from assets.docs.build import build_docs
from assets.docs.checks import documents_are_accounted_for
from assets.docs.preview import preview_docs
from resources.settings import Settings


def docs_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings."""
    return stage_asset(
        "docs",
        settings,
        build_docs,
        pools=pools,
        description="One markdown per document, stitched from its pages' blocks, with images where "
        "they stand.",
        upstream=("files", "pages", "images"),
        checks=(documents_are_accounted_for,),
        preview=preview_docs,
    )
