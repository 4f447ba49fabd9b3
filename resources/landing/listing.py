"""The landing zone: finding PDFs, without ever writing to it.

Here: what a listing is, whatever it lists. Not here: walking a folder (`local.py`) or a bucket
(`objects.py`), or which sightings are new (`sensors/scan.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from resources.landing.local import list_folder
from resources.landing.sightings import SIGHTINGS
from resources.settings import is_local

__all__ = ["SIGHTINGS", "Listing", "list_all", "list_landing"]


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
        seconds: Stop once this long has gone by (not before something was listed).

    Raises:
        SettingError: There is no such folder or bucket, it is a file that is not a PDF or cannot
            be read, or the store cannot be reached or refuses (told within about 20 seconds).
    """
    if is_local(location):
        found, left, place = list_folder(location, after=after, seconds=seconds)
    else:
        from resources.landing.objects import list_objects  # s3fs: 0.5 s that folders do not need

        options = storage_options or {}
        found, left, place = list_objects(location, options, after=after, seconds=seconds)
    return Listing(found, tuple(left), place)


def list_all(locations: Sequence[str], storage_options: Mapping[str, str] | None = None) -> Listing:
    """Several locations as a whole; a file that several of them hold once.

    Raises:
        SettingError: As `list_landing`, of any of them.
    """
    found = [list_landing(location, storage_options) for location in locations]
    sightings = pl.concat(listing.sightings for listing in found)
    left = tuple(item for listing in found for item in listing.left)
    return Listing(sightings.unique("uri", keep="first", maintain_order=True), left)
