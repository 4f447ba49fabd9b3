"""The landing zone: whatever lies there, the PDFs beside it are found."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import DocumentError, ErrorClass, SettingError
from resources.landing import local
from resources.landing.copies import Wanted, local_copy
from resources.landing.listing import list_landing
from resources.landing.uris import display_name, path_of, raw_bytes


def found(folder: Path) -> list[str]:
    return [display_name(uri) for uri in list_landing(str(folder)).sightings["uri"]]


def test_odd_entries_are_left_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "good.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "loop.pdf").symlink_to("loop.pdf")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "zone").symlink_to(tmp_path)
    listing = list_landing(str(tmp_path))
    assert [display_name(uri) for uri in listing.sightings["uri"]] == ["good.pdf"]
    reasons = {uri.rsplit("/", 1)[-1]: why for uri, why in listing.left}
    assert set(reasons) == {"loop.pdf", "loop", "pipe.pdf"}
    assert "not a regular file" in reasons["pipe.pdf"]
    assert "symbolic links" in reasons["loop.pdf"]


def test_a_tree_of_any_depth_is_walked(tmp_path: Path) -> None:
    before = os.getcwd()
    try:  # from inside: no call is given a path of 1,000 parts
        os.chdir(tmp_path)
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
        Path("deep.pdf").write_bytes(b"%PDF-1.4")
        assert found(tmp_path) == ["deep.pdf"]
    finally:  # pytest's own cleaning recurses
        os.chdir(before)
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_a_pipe_given_by_name_is_refused_with_the_mend(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(SettingError, match=r"not a regular file.*give"):
        list_landing(str(tmp_path / "pipe.pdf"))


def test_a_file_that_became_a_pipe_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4")
    (sighting,) = list_landing(str(path)).sightings.to_dicts()
    path.unlink()
    os.mkfifo(path)
    with (
        pytest.raises(DocumentError) as caught,
        local_copy(Wanted(**sighting), {}),
    ):
        pass
    assert caught.value.error_class is ErrorClass.UNREADABLE


def test_names_that_are_none_of_ours_are_passed_by(tmp_path: Path) -> None:
    for name in ("__MACOSX/sub/x.pdf", ".git/x.pdf", "ok/._x.pdf", "ok/.DS_Store", "ok/A.PDF"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"%PDF-1.4")
    (tmp_path / "up.pdf.part").write_bytes(b"%PDF-1.4")
    listing = list_landing(str(tmp_path))
    assert found(tmp_path) == ["A.PDF"]
    assert [display_name(uri) for uri, _ in listing.left] == ["up.pdf.part"]


def test_links(tmp_path: Path) -> None:
    zone, out = tmp_path / "zone", tmp_path / "out"
    for folder in (zone / "real", out):
        folder.mkdir(parents=True)
        (folder / "x.pdf").write_bytes(b"%PDF-1.4")
    (zone / "again").symlink_to(zone / "real")
    (zone / "leaves").symlink_to(out)
    (zone / "leaves.pdf").symlink_to(out / "x.pdf")
    (zone / "stays.pdf").symlink_to(zone / "real" / "x.pdf")
    listing = list_landing(str(zone))
    assert [path_of(uri) for uri in listing.sightings["uri"]] == [
        f"{zone}/real/x.pdf",
        f"{zone}/stays.pdf",
    ]
    assert {display_name(uri): why for uri, why in listing.left} == dict.fromkeys(
        ["leaves", "leaves.pdf"], "a link that leaves the landing zone"
    )


def make(top: Path, tree: list[tuple[bytes, ...]]) -> None:
    """Files at these paths; where one is a folder already, or below a file, it is left out."""
    for parts in tree:
        path = b"/".join((os.fsencode(top), *parts))
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                pass


_NAMES = st.sampled_from(
    [b"a", b"a.pdf", b"a-b.pdf", b"a b.PDF", b"\xff.pdf", b"\xc3\xa9.pdf", b"n\nl.pdf", b"b",
     b"b.part", b"b.pdf", b".h", b"%2F.pdf", b"x.txt"]
)  # fmt: skip
_TREES = st.lists(st.lists(_NAMES, min_size=1, max_size=4).map(tuple), max_size=20)


@settings(max_examples=150, deadline=None)
@given(_TREES, st.integers(1, 4), st.data())
def test_a_listing_cut_anywhere_is_the_whole_listing(
    tree: list[tuple[bytes, ...]], entries: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "_CLOCK_ENTRIES", entries)
        make(Path(name), tree)
        whole = list_landing(name)
        uris = whole.sightings["uri"].to_list()
        assert uris == sorted(uris, key=raw_bytes)
        walked = {
            os.path.join(folder, file)
            for folder, _, files in os.walk(os.fsencode(name))
            for file in files
            if file.lower().endswith(b".pdf") and b"/." not in os.path.join(folder, file)
        }
        assert {os.fsencode(path_of(uri)) for uri in uris} == walked
        parts = [list_landing(name, seconds=0)]
        while parts[-1].place is not None:
            seconds = data.draw(st.sampled_from([0.0, 100.0]))
            parts.append(list_landing(name, after=parts[-1].place, seconds=seconds))
        assert pl.concat(part.sightings for part in parts).equals(whole.sightings)
        assert tuple(item for part in parts for item in part.left) == whole.left


def test_the_clock_also_ends_a_walk_that_finds_no_pdfs(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number:03d}").mkdir()
    (tmp_path / "z.pdf").write_bytes(b"%PDF-1.4")
    first = list_landing(str(tmp_path), seconds=0)
    assert first.place is not None
    assert first.sightings.is_empty()
    second = list_landing(str(tmp_path), after=first.place)
    assert [display_name(uri) for uri in second.sightings["uri"]] == ["z.pdf"]
