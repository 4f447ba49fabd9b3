"""The `images` asset: a shell around `build.py`."""

from __future__ import annotations

import dagster as dg

from assets.asset import stage_asset
from assets.images.build import build_images
from assets.images.checks import placements_have_their_bytes
from assets.images.preview import preview_images
from resources.settings import Settings


def images_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings."""
    return stage_asset(
        "images",
        settings,
        build_images,
        pools=pools,
        description="Each placement of an image on a page, and each distinct image once in "
        "`image_data`, in a format that browsers show.",
        upstream=("pages",),
        checks=(placements_have_their_bytes,),
        preview=preview_images,
    )
