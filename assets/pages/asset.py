"""The `pages` asset: a shell around `build.py`."""

from __future__ import annotations

import dagster as dg

from assets.asset import stage_asset
from assets.pages.build import build_pages
from assets.pages.checks import page_numbers_are_complete
from assets.pages.preview import preview_pages
from resources.settings import Settings


def pages_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings."""
    return stage_asset(
        "pages",
        settings,
        build_pages,
        pools=pools,
        description="Each page's text layer or OCR, with layout blocks, boxes and markdown; a page "
        "that fails is a row with its class.",
        upstream=("files",),
        checks=(page_numbers_are_complete,),
        preview=preview_pages,
    )
