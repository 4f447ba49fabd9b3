"""The landing zone: whatever lies there, the PDFs beside it are found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from resources.errors import DocumentError, ErrorClass, SettingError
from resources.landing.copies import Wanted, local_copy
from resources.landing.listing import list_landing
from resources.landing.uris import display_name


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
