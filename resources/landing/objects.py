"""Buckets as landing zones: every PDF below a prefix, in the order of its key's bytes.

Here: walking through pages of keys, and what is left with the reason. Not here: a store's own API
(`stores.py` names them), or what a listing is (`listing.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import polars as pl

from resources.errors import SettingError
from resources.landing.names import STILL_WRITTEN, is_passed_by, is_pdf, is_unfinished
from resources.landing.sightings import Sightings
from resources.landing.stores import (
    Address,
    Found,
    Store,
    StoreError,
    address_of,
    open_store,
    setting_error,
    trying,
)
from resources.landing.uris import key_of, object_uri

_SLASH = "its key ends in a slash, so it is taken for a folder: give it another key"


def list_objects(
    location: str, options: Mapping[str, str], *, after: str | None, seconds: float
) -> tuple[pl.DataFrame, list[tuple[str, str]], str | None]:
    """Sightings, what is left, and the place up to which the listing got; see `list_landing`.

    A prefix is a folder: `s3://b/in` has what lies under `in/`, not `inbox/x.pdf`. A prefix without
    any object is an empty folder, and no error: stores have folders only while something is in
    them.
    """
    address = address_of(location)
    try:
        store = open_store(address, options)
        if is_pdf(address.key) and (one := _one(store, address)) is not None:
            return one, [], None
        result = _walk(store, address, after, time.monotonic() + seconds)
        if address.key and after is None and result[0].is_empty() and not result[1]:
            _refuse_what_is_no_folder(store, address)
        return result
    except StoreError as error:
        raise setting_error(error, address) from error


def _refuse_what_is_no_folder(store: Store, address: Address) -> None:
    found, _ = _page(store, address.key, None)
    if found and found[0].key == address.key:
        raise SettingError(
            f"{address} is an object, not a folder of PDFs: give the prefix above it"
        )
    if is_pdf(address.key):
        raise SettingError(f"there is no object {address}: give one that is there, or a prefix")


def _one(store: Store, address: Address) -> pl.DataFrame | None:
    """The object of this very key, if there is one: the first of those that begin so."""
    found, _ = _page(store, address.key, None)
    if not found or found[0].key != address.key:
        return None
    sightings = Sightings()
    sightings.add((_uri(address, found[0].key), *found[0][1:]))
    return sightings.frame()


def _walk(
    store: Store, address: Address, after: str | None, deadline: float
) -> tuple[pl.DataFrame, list[tuple[str, str]], str | None]:
    prefix = f"{address.key.rstrip('/')}/" if address.key else ""
    last = None if after is None else key_of(after)
    sightings = Sightings()
    left: list[tuple[str, str]] = []
    more = True
    while more:
        found, more = _page(store, prefix, last)
        for item in found:
            reason = _enter(sightings, _uri(address, item.key), prefix, item)
            if reason is not None:
                left.append((_uri(address, item.key), reason))
        if more and not found:
            raise SettingError(
                f"the landing zone {address} cannot be listed: the store says that there is more "
                "and gives nothing; is it an S3 server that ignores StartAfter?"
            )
        last = found[-1].key if found else last
        if more and time.monotonic() > deadline:
            assert last is not None
            return sightings.frame(), left, _uri(address, last)
    return sightings.frame(), left, None


def _page(store: Store, prefix: str, after: str | None) -> tuple[list[Found], bool]:
    for attempt in trying():
        with attempt:
            return store.page(prefix, after)
    raise AssertionError  # the last attempt raises


def _enter(sightings: Sightings, uri: str, prefix: str, item: Found) -> str | None:
    """Put one object where it belongs; returns why it is left, if it is."""
    parts = item.key[len(prefix) :].split("/")
    if any(is_passed_by(part) for part in parts):
        return None
    if not parts[-1]:
        return _SLASH if item.n_bytes else None  # without bytes: how consoles make folders
    if is_pdf(parts[-1]):
        sightings.add((uri, *item[1:]))
    elif is_unfinished(parts[-1]):
        return STILL_WRITTEN
    return None


def _uri(address: Address, key: str) -> str:
    return object_uri(address.scheme, address.bucket, key)
