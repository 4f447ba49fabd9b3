"""Buckets as landing zones, over a real S3 server: every key is listed or named with a reason."""

from __future__ import annotations

import time
from datetime import UTC

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import SettingError
from resources.landing import s3 as s3_module
from resources.landing.listing import Listing, list_landing
from resources.landing.names import is_passed_by, is_pdf
from resources.landing.objects import _walk
from resources.landing.stores import Address, Found
from resources.landing.uris import key_of, object_uri, raw_bytes
from tests.object_store import ObjectStore

ODD = (
    "a//b.pdf", "./x.pdf", "/lead.pdf", "a b.pdf", "it's \"q\".pdf", "p%2Fq.pdf", "n\nl.pdf",
    "v?versionId=1.pdf", "h#1.pdf", "\u00e9.pdf", "e\u0301.pdf", "..//z.pdf", "t\rx.pdf", "+p.pdf",
    "a&b=c.pdf", "\u65e5\u672c.PDF", "\U0001f4da.pdf", "back\\slash.pdf", "*?[x].pdf",
)  # fmt: skip


def keys(listing: Listing) -> list[str]:
    return [key_of(uri) for uri in listing.sightings["uri"]]


def test_odd_keys_are_listed_in_the_order_of_their_bytes(s3: ObjectStore) -> None:
    bucket = s3.bucket()
    s3.put(bucket, dict.fromkeys(ODD, b"%PDF-1.4"))
    listing = list_landing(f"s3://{bucket}", s3.storage_options)
    assert keys(listing) == sorted(ODD, key=str.encode)
    assert listing.left == ()
    assert listing.place is None
    for uri, key in zip(listing.sightings["uri"], keys(listing), strict=True):
        assert uri == object_uri("s3", bucket, key)
        assert uri.isascii()
        assert raw_bytes(uri) == f"s3://{bucket}/{key}".encode()


def test_what_is_no_pdf_is_passed_by_or_left_with_the_reason(s3: ObjectStore) -> None:
    bucket = s3.bucket()
    taken = ["A.PDF", "empty.pdf", "sub/b.pdf"]
    s3.put(bucket, dict.fromkeys(taken, b"%PDF-1.4") | {"empty.pdf": b""})
    s3.put(bucket, {"folder/": b"", "trail.pdf/": b"bytes", "read.me": b"x", "up.pdf.part": b"x"})
    s3.put(
        bucket, {".hidden.pdf": b"x", ".git/x.pdf": b"x", "__MACOSX/x.pdf": b"x", "._x.pdf": b"x"}
    )
    listing = list_landing(f"s3://{bucket}/", s3.storage_options)
    assert keys(listing) == taken
    reasons = {key_of(uri): why for uri, why in listing.left}
    assert set(reasons) == {"trail.pdf/", "up.pdf.part"}
    assert "slash" in reasons["trail.pdf/"]
    assert "temporary name" in reasons["up.pdf.part"]


def test_a_sighting_has_what_tells_contents_apart(s3: ObjectStore) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {"a.pdf": b"%PDF-1.4"})
    (first,) = list_landing(f"s3://{bucket}", s3.storage_options).sightings.to_dicts()
    assert first["n_bytes"] == 8
    assert '"' not in first["etag"]
    assert first["mtime"].tzinfo is not None
    assert abs(first["mtime"].astimezone(UTC).timestamp() - time.time()) < 600
    s3.put(bucket, {"a.pdf": b"%PDF-1.5"})
    (second,) = list_landing(f"s3://{bucket}", s3.storage_options).sightings.to_dicts()
    assert second["etag"] != first["etag"]


def test_a_prefix_is_a_folder(s3: ObjectStore) -> None:
    bucket = s3.bucket()
    every = ["in.pdf", "in/a.pdf", "in/deep/b.pdf", "inbox/x.pdf", "out/c.pdf"]
    s3.put(bucket, dict.fromkeys(every, b"%PDF-1.4"))

    def of(prefix: str) -> list[str]:
        return keys(list_landing(f"s3://{bucket}{prefix}", s3.storage_options))

    assert of("/in") == of("/in/") == ["in/a.pdf", "in/deep/b.pdf"]
    assert of("") == of("/") == every
    assert of("/none-yet") == []
    assert of("/in.pdf") == ["in.pdf"]
    with pytest.raises(SettingError, match="there is no object"):
        of("/typo.pdf")


def test_a_listing_goes_on_where_it_stopped(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "PAGE", 10)
    bucket = s3.bucket()
    every = [f"{n:04d}.pdf" for n in range(15)] + [f"z/{n:04d}.txt" for n in range(11)]
    s3.put(bucket, dict.fromkeys(every, b"x"))
    parts = [list_landing(f"s3://{bucket}", s3.storage_options, seconds=0)]
    while parts[-1].place is not None:
        after = parts[-1].place
        parts.append(list_landing(f"s3://{bucket}", s3.storage_options, after=after, seconds=0))
    assert [len(keys(part)) for part in parts] == [10, 5, 0]
    assert [key for part in parts for key in keys(part)] == every[:15]


class Model:
    """Keys in memory, given in pages as a store does."""

    def __init__(self, keys: set[str], page: int) -> None:
        self.keys = sorted(keys, key=lambda key: key.encode())
        self.size = page

    def page(self, prefix: str, after: str | None) -> tuple[list[Found], bool]:
        behind = [k for k in self.keys if k.startswith(prefix) and (after is None or k > after)]
        found = [Found(key, len(key), key, None) for key in behind[: self.size]]
        return found, len(behind) > self.size

    def opened(self, key: str) -> None:
        raise NotImplementedError


_PARTS = st.sampled_from(
    ["", ".", "..", "a", "a.pdf", "B.PDF", ".x", "é.pdf", "a b", "up.part", "\n"]
)
_KEYS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join).filter(bool)


@settings(max_examples=150, deadline=None)
@given(st.sets(_KEYS, max_size=25), st.integers(1, 6), st.data())
def test_a_listing_cut_anywhere_is_the_whole_listing(
    every: set[str], page: int, data: st.DataObject
) -> None:
    place = Address("s3", "bucket", "")
    store = Model(every, page)
    whole, whole_left, _ = _walk(store, place, None, float("inf"))  # type: ignore[arg-type]
    frames, left, after = [], [], None
    while True:
        deadline = data.draw(st.sampled_from([0.0, float("inf")]))
        frame, part, after = _walk(store, place, after, deadline)  # type: ignore[arg-type]
        frames.append(frame)
        left += part
        if after is None:
            break
    assert pl.concat(frames).equals(whole)
    assert left == whole_left
    wanted = [
        key for key in store.keys
        if is_pdf(key) and not any(is_passed_by(part) for part in key.split("/"))
    ]  # fmt: skip
    assert [key_of(uri) for uri in whole["uri"]] == wanted


def test_what_cannot_be_listed_is_said_with_the_mend(s3: ObjectStore) -> None:
    options = s3.storage_options
    with pytest.raises(SettingError, match=r"bucket.*(create it|check)"):
        list_landing("s3://quire-no-such-bucket", options)
    with pytest.raises(SettingError, match="names no bucket"):
        list_landing("s3://", options)
    with pytest.raises(SettingError, match=r"give a folder, or a bucket"):
        list_landing("ftp://host/x", options)
    with pytest.raises(SettingError, match="cannot be read"):
        list_landing("s3://Bad Bucket!", options)


def test_a_store_that_is_not_there_is_said_within_twenty_seconds() -> None:
    begun = time.monotonic()
    options = {
        "aws_access_key_id": "x",
        "aws_secret_access_key": "y",
        "aws_region": "us-east-1",
        "aws_endpoint_url": "http://127.0.0.1:1",
    }
    with pytest.raises(SettingError, match=r"check the endpoint") as caught:
        list_landing("s3://bucket/in", options)
    assert time.monotonic() - begun < 20
    assert "\n" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


def test_what_the_environment_says_is_enough(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {"a.pdf": b"%PDF-1.4"})
    for name, value in s3.storage_options.items():
        monkeypatch.setenv(name.upper(), value)
    assert keys(list_landing(f"s3://{bucket}")) == ["a.pdf"]
