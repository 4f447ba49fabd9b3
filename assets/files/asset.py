"""The `files` asset: a shell around `build.py`."""

from __future__ import annotations

import dagster as dg

from assets.asset import stage_asset
from assets.files.build import build_files
from assets.files.checks import files_match_the_manifest
from assets.files.preview import preview_files
from resources.settings import Settings


def files_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings."""
    return stage_asset(
        "files",
        settings,
        build_files,
        pools=pools,
        description="Each PDF of the batch, hashed, opened in a worker, and owned once: ok, failed "
        "with a class, or a duplicate.",
        upstream=(),
        checks=(files_match_the_manifest,),
        preview=preview_files,
    )
