"""The landing zone: finding PDFs, without ever writing to it.

Here: what a listing is, whatever it lists. Not here: walking a folder (`local.py`) or a bucket
(`objects.py`), or which sightings are new (`sensors/scan.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from io_managers.schemas import TIMESTAMP
from resources.errors import SettingError
from resources.landing.local import list_folder
from resources.settings import is_local

SIGHTINGS: Final = pl.Schema(
    {"uri": pl.String(), "n_bytes": pl.Int64(), "etag": pl.String(), "mtime": TIMESTAMP}
)
"""One look at a file: where it is and what tells this content from another."""


@dataclass(frozen=True)
class Listing:
    """What a look at the landing zone found, and what it left with the reason.

    Attributes:
        sightings: one row a PDF (`SIGHTINGS`), sorted by the raw bytes of its uri.
        left: uris of what is not taken, each with the reason.
        place: the uri up to which this listing got, itself included; None when nothing comes after.
    """

    sightings: pl.DataFrame
    left: tuple[tuple[str, str], ...]
    place: str | None = None


def list_landing(
    location: str,
    storage_options: Mapping[str, str] | None = None,
    *,
    after: str | None = None,
    seconds: float = math.inf,
) -> Listing:
    """PDFs below a folder or a bucket's prefix, or one PDF file.

    Files that are still being written under a temporary name, links that leave the folder, and what
    cannot be read or is no regular file are left, each with the reason; hidden files are passed by.

    Args:
        location: An absolute folder or PDF, or an object-store prefix.
        storage_options: `QUIRE_STORAGE_OPTIONS`, for object stores.
        after: The `place` of the listing that this one goes on from.
        seconds: Stop once this long has gone by (not before some files were listed).

    Raises:
        SettingError: There is no such folder or bucket, or it is a file that is not a PDF or cannot
            be read.
    """
    if not is_local(location):
        raise SettingError(
            f"landing zone {location}: only local folders can be read by this version; copy the "
            "PDFs to a folder, or mount the bucket"
        )
    rows, left, place = list_folder(location, after=after, seconds=seconds)
    return Listing(pl.DataFrame(rows, schema=SIGHTINGS, orient="row"), tuple(left), place)
