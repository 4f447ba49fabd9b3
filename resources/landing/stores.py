"""Object stores as landing zones see them: pages of keys, objects as streams, and what goes wrong.

Here: the words that all stores share, addresses, and choosing the store of an address. Not here:
one store's own API (`s3.py`, `gs.py`, `az.py`), or which objects are taken (`objects.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import stamina.instrumentation

from resources.errors import SettingError
from resources.landing.uris import display

SCHEMES: Final = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az",
}  # fmt: skip
CHUNK: Final = 2**20
"""Bytes of an object that are held at once."""
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 15
"""Without a byte for so long, a request counts as lost. With `trying`, a store that does not answer
is told within 20 seconds."""

_OPENING: Final = threading.Lock()

# stamina tells of each retry, on stdout where structlog is installed: commands print JSON there.
stamina.instrumentation.set_on_retry_hooks([])


class Trouble(Enum):
    """What a store's error means to us."""

    MISSING = auto()
    """This object is not there."""
    REFUSED = auto()
    """This object may not be read."""
    UNUSABLE = auto()
    """Nothing can be read as things are set: no bucket, wrong keys."""
    UNREACHABLE = auto()
    """No connection to the store, in several tries."""
    TRANSIENT = auto()
    """The store or the network failed once; another try may do better."""


class StoreError(Exception):
    """An answer of a store that is an error, in one line."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(" ".join(message.split())[:300])
        self.trouble = trouble


class Found(NamedTuple):
    """An object in a listing."""

    key: str
    n_bytes: int
    etag: str | None
    mtime: datetime | None


@dataclass(frozen=True)
class Opened:
    """An object being read: what it is now, and its bytes in chunks of at most `CHUNK`."""

    n_bytes: int
    etag: str | None
    chunks: Iterator[bytes]


class Store(Protocol):
    """One bucket. Methods raise `StoreError`; they try once."""

    def page(self, prefix: str, after: str | None) -> tuple[list[Found], bool]:
        """Objects under a prefix, in the order of their keys' bytes, and whether more follow.

        Args:
            prefix: What keys begin with.
            after: Only keys behind this one (None: from the first).
        """
        ...

    def opened(self, key: str) -> AbstractContextManager[Opened]:
        """An object's bytes, for as long as the context lasts."""
        ...


@dataclass(frozen=True)
class Address:
    """`scheme://bucket/key`: where something lies, taken apart; the key is not encoded."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        """For people."""
        return display(f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/"))


def address_of(location: str) -> Address:
    """A location that a person gave, taken apart as it is written.

    Raises:
        SettingError: No such kind of place, or no bucket in it.
    """
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES:
        raise SettingError(
            f"{display(location)}: give a folder, or a bucket as s3://, gs:// or az://"
        )
    if not bucket:
        raise SettingError(f"{display(location)} names no bucket: write {scheme}://BUCKET/PREFIX")
    return Address(scheme, bucket, key)


def open_store(address: Address, options: Mapping[str, str]) -> Store:
    """The bucket of an address; clients are made once and kept, since making one takes 0.3 s.

    Raises:
        StoreError: The store's client cannot be made.
        SettingError: The extra that reads this store is not installed, or an option cannot work.
    """
    with _OPENING:
        return _open(SCHEMES[address.scheme], address.bucket, tuple(sorted(options.items())))


@lru_cache(maxsize=16)
def _open(scheme: str, bucket: str, options: tuple[tuple[str, str], ...]) -> Store:
    if scheme == "s3":
        from resources.landing.s3 import S3Store

        return S3Store(bucket, dict(options))
    if scheme == "gs":
        from resources.landing.gs import GsStore

        return GsStore(bucket, dict(options))
    from resources.landing.az import AzStore

    return AzStore(bucket, dict(options))


def needs_extra(extra: str, scheme: str) -> SettingError:
    """The error where a store's library is not installed."""
    return SettingError(f"{scheme}:// needs an extra of Quire: pip install 'quire[{extra}]'")


def trying(seconds: float | None = 10.0) -> Iterator[stamina.Attempt]:
    """Attempts at a request: up to four, none begun after `seconds`."""
    yield from stamina.retry_context(
        on=_is_worth_a_retry, attempts=4, timeout=seconds, wait_initial=0.2, wait_max=3.0
    )


def _is_worth_a_retry(error: Exception) -> bool:
    again = (Trouble.TRANSIENT, Trouble.UNREACHABLE)
    return isinstance(error, StoreError) and error.trouble in again


def setting_error(error: StoreError, address: Address) -> SettingError:
    """A store's error as what a person can mend, in one line."""
    bucket = display(f"{address.scheme}://{address.bucket}")
    mend = {
        Trouble.MISSING: "create it, or set QUIRE_LANDING to one that is there",
        Trouble.REFUSED: f"grant these keys the right to list and read {bucket}",
        Trouble.UNUSABLE: "check the bucket's name, and keys, region and endpoint in "
        "QUIRE_STORAGE_OPTIONS",
        Trouble.UNREACHABLE: "check the endpoint in QUIRE_STORAGE_OPTIONS and the network",
        Trouble.TRANSIENT: "try again later",
    }[error.trouble]
    return SettingError(f"the landing zone {address} cannot be read ({error}): {mend}")
