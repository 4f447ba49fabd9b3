"""`quire export`: a folder of ordinary files per document, whatever the document was called."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from cli.main import main
from tests.lakes import ALL_GOOD, MIXED, PNG, Pdf, make_lake, publish_batch

BATCH = "b00000001"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    publish_batch(make_lake(root), BATCH, MIXED)
    return root


def _export(lake: Path, to: Path, *docs: str) -> list[Path]:
    assert main(["export", "--to", str(to), "--lake", str(lake), "--", *docs]) == 0
    return sorted(to.iterdir())


def test_a_document_becomes_markdown_with_its_images_beside_it(mixed: Path, tmp_path: Path) -> None:
    (folder,) = _export(mixed, tmp_path / "out", "report.pdf")
    assert folder.name == f"report-{ALL_GOOD[0].doc_id[:12]}"
    markdown = (folder / "document.md").read_text()
    (reference,) = re.findall(r"!\[a figure\]\((.*)\)", markdown)
    assert (folder / reference).read_bytes() == PNG + b"one"
    assert reference == f"images/{hashlib.sha256(PNG + b'one').hexdigest()}.png"
    assert (folder / "summary.txt").read_text() == "What report.pdf says.\n"
    rows = json.loads((folder / "document.json").read_text())
    assert rows["state"] == "done"
    assert [page["page_number"] for page in rows["pages"]] == [1, 2]
    assert rows["pages"][0]["text"] == "Some text of the page."
    assert rows["docs"]["markdown"].startswith("# A report")
    assert len(rows["files"]) == 2


def test_exporting_again_changes_nothing(mixed: Path, tmp_path: Path) -> None:
    (folder,) = _export(mixed, tmp_path / "out", "report.pdf")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    _export(mixed, tmp_path / "out", "report.pdf")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_documents_named_twice_are_exported_once(mixed: Path, tmp_path: Path) -> None:
    names = ("report.pdf", "copy of report.pdf", "scan.pdf", "broken.pdf", "gone.pdf")
    folders = _export(mixed, tmp_path / "out", *names)
    assert [path.name.split("-")[0] for path in folders] == ["broken", "gone", "report", "scan"]
    gone = json.loads((tmp_path / "out" / "gone-unread" / "document.json").read_text())
    assert (gone["state"], gone["error_class"]) == ("quarantined", "source_missing")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.pdf", "a/../b.pdf", "\x1b[2J.pdf", "..pdf", "x" * 400, "日本語.pdf"]
)
def test_a_folder_never_leaves_the_target(tmp_path: Path, name: str) -> None:
    pdf = Pdf(name)
    publish_batch(make_lake(tmp_path / "lake"), BATCH, [pdf])
    (folder,) = _export(tmp_path / "lake", tmp_path / "out", pdf.doc_id)
    assert folder.parent == tmp_path / "out"
    assert folder.name.endswith(pdf.doc_id[:12])
    assert folder.name.isprintable()
    assert {path.name for path in folder.iterdir()} == {
        "document.md", "summary.txt", "document.json",
    }  # fmt: skip
    assert not (tmp_path / "etc").exists()


def test_a_target_that_is_a_file_is_one_line(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    code = main(["export", "report.pdf", "--to", str(tmp_path / "out"), "--lake", str(mixed)])
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_target_below_a_file_is_one_line(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    code = main(["export", "report.pdf", "--to", str(tmp_path / "out/sub"), "--lake", str(mixed)])
    assert code == 1
    assert "give --to a folder" in capsys.readouterr().err


def test_nothing_is_written_when_one_name_is_wrong(mixed: Path, tmp_path: Path) -> None:
    to = tmp_path / "out"
    assert main(["export", "report.pdf", "no.pdf", "--to", str(to), "--lake", str(mixed)]) == 1
    assert not to.exists()


def test_export_as_json_names_the_files(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "out"
    assert main(["export", "scan.pdf", "--to", str(to), "--lake", str(mixed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (exported,) = told["exported"]
    assert exported["files"] == ["document.md", "summary.txt", "document.json"]
