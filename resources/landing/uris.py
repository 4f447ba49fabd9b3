"""Addresses of files: any name as a uri, and back.

Here: `file://` and object-store uris, percent-encoded, and what people are shown of them. Not here:
finding files (`listing.py`) or reading them (`copies.py`).
"""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import quote, quote_from_bytes, unquote, unquote_to_bytes

FILE: Final = "file://"


def uri_of(path: str | bytes) -> str:
    """`file://` and the absolute path's raw bytes, percent-encoded: any name is representable."""
    return uri_of_raw(os.path.abspath(os.fsencode(path)))


def uri_of_raw(path: bytes) -> str:
    """The same of a path that is absolute already."""
    return FILE + quote_from_bytes(path, safe="/")


def path_of(uri: str) -> str:
    """The path of a `file://` uri; non-UTF-8 bytes come back as surrogate escapes."""
    return os.fsdecode(unquote_to_bytes(uri.removeprefix(FILE)))


def object_uri(scheme: str, bucket: str, key: str) -> str:
    """`s3://bucket/` and the key, percent-encoded: any key is representable, `a//b.pdf` too."""
    return f"{scheme}://{bucket}/{quote(key, safe='/')}"


def key_of(uri: str) -> str:
    """The key of an object's uri."""
    return unquote(uri.partition("://")[2].partition("/")[2], errors="strict")


def raw_bytes(uri: str) -> bytes:
    """A uri without its encoding: listings are sorted by these bytes, as stores sort keys."""
    return unquote_to_bytes(uri)


def display_name(uri: str) -> str:
    """The last part of a uri, readable; only ever for display."""
    return unquote_to_bytes(uri.rstrip("/").rsplit("/", 1)[-1]).decode("utf-8", "replace")


def display_path(path: str) -> str:
    """A path with control characters and broken bytes escaped, fit for a terminal."""
    return display(os.fsencode(path).decode("utf-8", "backslashreplace"))


def display(text: str) -> str:
    """Any text with control characters escaped, fit for a terminal and for one line."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
