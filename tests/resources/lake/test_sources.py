"""Documents kept in the lake: whole or not at all, once, under the hash of their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from resources.errors import LakeError
from resources.lake.audit_leftovers import audit_leftovers
from resources.lake.lake import Lake
from resources.lake.sources import FOLDER, Sources, source_name, sources_of
from resources.landing.copies import Wanted, local_copy
from resources.landing.uris import uri_of
from resources.settings import Settings
from tests.lakes import Pdf, lake_in_bucket, make_lake, publish_batch
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


@pytest.mark.parametrize("now", ["changed", "gone", "unreadable"])
def test_what_cannot_be_read_any_more_is_not_kept_and_no_fault_of_the_lake(
    lake: Lake, tmp_path: Path, now: str
) -> None:
    path = tmp_path / "a.pdf"
    if now == "changed":
        path.write_bytes(b"%PDF-1.7 other bytes")
    elif now == "unreadable":
        path.mkdir()
    assert not Sources(lake).keep(DOC, str(path))
    assert kept(lake) == []
    assert lake.find("_quire/incoming") == {}
    assert Sources(lake).uri(DOC) is None


def test_nothing_is_kept_unless_it_is_asked_for(settings: Settings) -> None:
    assert sources_of(settings) is None
    assert sources_of(replace(settings, keep_sources=True)) is not None


def test_a_lake_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(DATA)
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / FOLDER).write_bytes(b"no folder")
    with pytest.raises(LakeError, match="cannot keep"):
        Sources(Lake(str(tmp_path / "lake"))).keep(DOC, str(path))


def test_the_audit_notes_no_source_that_is_kept(tmp_path: Path) -> None:
    lake, pdf = make_lake(tmp_path), Pdf("a.pdf", content="of a document")
    publish_batch(lake, "b00000001", [pdf], ["files"])  # its pages are still to be read

    def noted() -> list[str]:
        return [note.subject for note in audit_leftovers(lake).notes if note.kind == "source_gone"]

    assert noted() == [pdf.uri]
    lake.put(source_name(pdf.doc_id), b"of a document")
    assert noted() == []
