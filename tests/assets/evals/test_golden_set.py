"""The golden set: the folder that is named, or the project's own samples."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from assets.evals.golden_set import golden_set
from resources.errors import SettingError
from resources.settings import REPOSITORY_ROOT, Settings
from resources.workers.folders import sweep_spool_folders

CASE: dict[str, object] = {"id": "c1", "pdf": "a.pdf", "kind": "text_present", "text": "harbour"}


def make(folder: Path, pdfs: tuple[str, ...] = ("a.pdf",), *cases: dict[str, object]) -> Path:
    folder.mkdir()
    for name in pdfs:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"%PDF-1.7\n")
    (folder / "cases.jsonl").write_text("\n".join(json.dumps(case) for case in cases))
    return folder


def test_the_folder_that_is_named_is_taken_as_it_is(tmp_path: Path, settings: Settings) -> None:
    folder = make(tmp_path / "golden", ("a.pdf", "below/b.pdf"), CASE)
    with golden_set(replace(settings, golden=str(folder))) as found:
        assert found.folder == folder
        assert found.pdfs == {"a.pdf": folder / "a.pdf", "b.pdf": folder / "below/b.pdf"}
        assert [case.id for case in found.cases] == ["c1"]
        before = found.of
    assert folder.exists()
    (folder / "a.pdf").write_bytes(b"%PDF-1.7\nother")
    with golden_set(replace(settings, golden=str(folder))) as found:
        assert found.of != before


@pytest.mark.parametrize(
    ("pdfs", "cases", "words"),
    [
        ((), (), "there is no PDF in it"),
        (("a.pdf",), (), "it has no cases"),
        (("b.pdf",), (CASE,), "case c1 is about a.pdf, which is not there"),
        (("a.pdf", "below/a.pdf"), (CASE,), "have one name"),
        (("a.pdf",), ({**CASE, "kind": "txt"},), "cases.jsonl"),
    ],
)
def test_what_is_wrong_is_said_with_the_mend(
    tmp_path: Path,
    settings: Settings,
    pdfs: tuple[str, ...],
    cases: tuple[dict[str, object], ...],
    words: str,
) -> None:
    folder = make(tmp_path / "golden", pdfs, *cases)
    with (
        pytest.raises(SettingError, match=words),
        golden_set(replace(settings, golden=str(folder))),
    ):
        pass


def test_the_default_is_made_of_the_samples_and_goes(settings: Settings) -> None:
    with golden_set(settings) as found:
        assert set(found.pdfs) == {case.pdf for case in found.cases}
        assert all(path.read_bytes().startswith(b"%PDF") for path in found.pdfs.values())
        assert len(found.cases) >= 30
        folder, first = found.folder, found.of
    assert not folder.exists()
    with golden_set(settings) as found:
        assert found.of == first
        copy = shutil.copytree(found.folder, Path(settings.landing) / "golden")
    with golden_set(replace(settings, golden=str(copy))) as found:
        assert found.of == first


def test_the_default_of_a_killed_process_is_swept(settings: Settings, tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from assets.evals.golden_set import golden_set\n"
        "from resources.settings import load_settings\n"
        "with golden_set(load_settings({})):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    folder = tmp_path / "tmp"
    folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY_ROOT)}
    killed = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(folder.glob("*/golden/*.pdf"))
    with mock.patch("tempfile.tempdir", str(folder)):
        sweep_spool_folders()
    assert list(folder.glob("quire-*")) == []
