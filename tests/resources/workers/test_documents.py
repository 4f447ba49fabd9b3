"""Opening PDFs by any name, quietly, with every failure as a class."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from resources.errors import DocumentError, ErrorClass
from resources.workers.documents import (
    error_class_of,
    hash_file,
    open_pdf,
    require_page,
    take_warnings,
)
from tests.hostile.case import Draft


def pdf_bytes() -> bytes:
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "text")
    return bytes(document.tobytes())


@pytest.mark.parametrize(
    "name", [b"a\xff\xfe.pdf", b"q'\"\n.pdf", b"-rf $(x) ;.pdf", "é".encode(), b"#?%20&.PDF"]
)
def test_any_name_that_the_disk_takes_is_opened(name: bytes, tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), name)
    data = pdf_bytes()
    with open(raw, "wb") as stream:
        stream.write(data)
    path = os.fsdecode(raw)
    sha256 = hashlib.sha256(data).hexdigest()
    assert hash_file(path) == (sha256, len(data))
    with open_pdf(path, [], sha256) as document:
        assert document[0].get_text().strip() == "text"


def refusal(path: Path, expected: str | None = None) -> ErrorClass:
    with pytest.raises(DocumentError) as caught:
        open_pdf(str(path), [], expected)
    return caught.value.error_class


def test_a_missing_file_and_a_folder_are_source_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pdf") == "source_missing"
    assert refusal(tmp_path) == "source_missing"
    with pytest.raises(DocumentError):
        hash_file(str(tmp_path / "none.pdf"))


def test_a_file_that_is_there_and_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    loop = tmp_path / "loop.pdf"
    loop.symlink_to(loop)
    assert refusal(loop) == "unreadable"
    assert refusal(loop, "0" * 64) == "unreadable"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "a.pdf") == "source_missing"


def test_a_file_with_other_content_is_source_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes())
    assert refusal(path, "0" * 64) == "source_changed"


def test_a_damaged_file_writes_nothing_to_the_terminal_and_keeps_the_complaint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cut.pdf"
    path.write_bytes(pdf_bytes()[:-300])
    code = (
        "import sys; from resources.workers.documents import open_pdf, take_warnings\n"
        "with open_pdf(sys.argv[1], []) as document: document.page_count\n"
        "sys.exit(0 if take_warnings() else 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_complaints_are_of_the_last_document_only(tmp_path: Path) -> None:
    damaged, sound = tmp_path / "cut.pdf", tmp_path / "sound.pdf"
    damaged.write_bytes(pdf_bytes()[:-300])
    sound.write_bytes(pdf_bytes())
    open_pdf(str(damaged), []).close()
    open_pdf(str(sound), []).close()
    assert take_warnings() == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DocumentError("encrypted", "shut"), "encrypted"),
        (MemoryError(), "memory"),
        (RuntimeError("code=2: malloc (1200000000 bytes) failed"), "memory"),
        (RuntimeError("code=2: calloc (4 x 70000 bytes) failed"), "memory"),
        (RuntimeError("code=7: cycle in page tree"), "unreadable"),
    ],
)
def test_an_exception_has_a_class(error: Exception, expected: str) -> None:
    assert error_class_of(error, ErrorClass.UNREADABLE) == expected


def test_a_page_that_is_not_there_is_unreadable() -> None:
    draft = Draft("a page", 1)
    draft.tree(b"4 0 R 99 0 R", b"2")
    with pymupdf.open(stream=draft.file(), filetype="pdf") as document:
        require_page(document, 1)
        with pytest.raises(DocumentError, match="not in the file") as caught:
            require_page(document, 2)
    assert caught.value.error_class == "unreadable"
