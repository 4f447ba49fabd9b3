"""Documents kept in the lake: whole or not at all, once, under the hash of their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from resources.lake.lake import Lake
from resources.lake.sources import FOLDER, Sources, source_name, sources_of
from resources.landing.copies import Wanted, local_copy
from resources.landing.uris import uri_of
from resources.settings import Settings
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore

DATA = b"%PDF-1.7 the bytes of a document"
DOC = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "a lake"))
    store: ObjectStore = request.getfixturevalue("s3")
    return lake_in_bucket(store)


def kept(lake: Lake) -> list[str]:
    return sorted(lake.find(FOLDER))


def test_it_is_kept_once_and_read_where_it_is_kept(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(DATA)
    sources = Sources(lake)
    assert sources.uri(DOC) is None
    assert sources.keep(DOC, str(path))
    assert kept(lake) == [source_name(DOC)]
    assert lake.get(source_name(DOC)) == DATA
    path.unlink()
    assert sources.keep(DOC, str(path))  # it is there: nobody looks at the file again
    wanted = Wanted(uri_of(str(path)), len(DATA), sha256=DOC)
    with local_copy(wanted, lake.storage_options, sources) as copy:
        assert Path(copy.path).read_bytes() == DATA


@pytest.mark.parametrize("now", [b"%PDF-1.7 other bytes", None])
def test_what_changed_or_went_meanwhile_is_not_kept(
    lake: Lake, tmp_path: Path, now: bytes | None
) -> None:
    path = tmp_path / "a.pdf"
    if now is not None:
        path.write_bytes(now)
    assert not Sources(lake).keep(DOC, str(path))
    assert kept(lake) == []
    assert lake.find("_quire/incoming") == {}
    assert Sources(lake).uri(DOC) is None


def test_nothing_is_kept_unless_it_is_asked_for(settings: Settings) -> None:
    assert sources_of(settings) is None
    assert sources_of(replace(settings, keep_sources=True)) is not None
