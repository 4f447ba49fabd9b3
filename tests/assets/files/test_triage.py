"""Triage: one verdict a file, whatever its bytes are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from assets.files.triage import triage
from tests.hostile.case import Draft

COLUMNS = {
    "doc_id", "n_bytes", "n_pages", "n_attachments", "n_form_fields", "title", "status",
    "error_class", "error",
}  # fmt: skip


def verdict(path: Path, *passwords: str) -> dict[str, Any]:
    ((record, blob),) = triage({"path": str(path), "passwords": passwords}, lambda _: None)
    assert blob is None
    assert set(record) == COLUMNS
    return record


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def write(document: pymupdf.Document, **options: Any) -> Path:
        path = tmp_path / "made.pdf"
        document.save(path, **options)
        return path

    return write


def document(n_pages: int = 1) -> pymupdf.Document:
    made = pymupdf.open()
    for number in range(n_pages):
        made.new_page().insert_text((72, 72), f"page {number + 1}")
    return made


def refusal(path: Path, *passwords: str) -> tuple[str, str | None]:
    record = verdict(path, *passwords)
    assert record["status"] == "failed"
    assert record["error"]
    assert record["doc_id"] == hashlib.sha256(path.read_bytes()).hexdigest()
    return record["error_class"], record["error"]


def test_a_document_is_counted(save: Callable[..., Path]) -> None:
    made = document(3)
    made.set_metadata({"title": "  A\t title \n of two lines "})
    made.embfile_add("notes", b"some notes", filename="notes.txt")
    for name in ("first", "second"):
        field = pymupdf.Widget()
        field.field_type = 7  # PDF_WIDGET_TYPE_TEXT
        field.field_name = name
        field.rect = pymupdf.Rect(50, 200, 150, 220)
        made[0].add_widget(field)
    path = save(made)
    assert verdict(path) == {
        "doc_id": hashlib.sha256(path.read_bytes()).hexdigest(),
        "n_bytes": path.stat().st_size,
        "n_pages": 3,
        "n_attachments": 1,
        "n_form_fields": 2,
        "title": "A title of two lines",
        "status": "ok",
        "error_class": None,
        "error": None,
    }


def test_a_blank_title_is_none(save: Callable[..., Path]) -> None:
    made = document()
    made.set_metadata({"title": " \n"})
    assert verdict(save(made))["title"] is None


def test_a_field_with_two_boxes_counts_once_and_a_cycle_ends(save: Callable[..., Path]) -> None:
    made = document()
    parent, box, other = (made.get_new_xref() for _ in range(3))
    made.update_object(parent, f"<</T (name) /FT /Tx /Kids [{box} 0 R {other} 0 R]>>")
    for xref in (box, other):
        made.update_object(xref, f"<</Subtype /Widget /Parent {parent} 0 R>>")
    loop = made.get_new_xref()
    made.update_object(loop, f"<</T (loop) /Kids [{loop} 0 R]>>")
    made.xref_set_key(made.pdf_catalog(), "AcroForm", f"<</Fields [{parent} 0 R {loop} 0 R]>>")
    assert verdict(save(made))["n_form_fields"] == 1


def test_junk_before_the_header_is_allowed_within_a_kilobyte(
    save: Callable[..., Path], tmp_path: Path
) -> None:
    data = save(document(2)).read_bytes()
    near, far = tmp_path / "near.pdf", tmp_path / "far.pdf"
    near.write_bytes(b"HTTP/1.1 200 OK\r\n\r\n" + data)
    far.write_bytes(b"x" * 2000 + data)
    assert verdict(near)["n_pages"] == 2
    assert refusal(far)[0] == "not_pdf"


def test_no_bytes_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.pdf"
    path.touch()
    assert refusal(path)[0] == "empty"


def test_a_document_without_pages_is_empty(tmp_path: Path) -> None:
    bodies = [b"<</Type /Catalog /Pages 2 0 R>>", b"<</Type /Pages /Kids [] /Count 0>>"]
    data = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"xref\n0 3\n0000000000 65535 f \n%strailer <</Size 3 /Root 1 0 R>>\n" % table
    path = tmp_path / "no_pages.pdf"
    path.write_bytes(data + b"startxref\n%d\n%%%%EOF\n" % data.index(b"xref"))
    assert refusal(path)[0] == "empty"


@pytest.mark.parametrize(
    "content", [b"<html>", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x00" * 5000]
)
def test_other_formats_are_no_pdf(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "named.pdf"
    path.write_bytes(content)
    assert refusal(path)[0] == "not_pdf"


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_file_cut_off_before_its_pages_is_corrupt(
    share: float, save: Callable[..., Path]
) -> None:
    path = save(document(5))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)].replace(b"/Pages", b"/Pugas"))
    assert refusal(path)[0] == "corrupt"


def test_a_header_and_nothing_else_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "header.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"rubbish " * 100)
    assert refusal(path)[0] == "corrupt"


def test_a_page_tree_in_a_circle_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "circle.pdf"
    path.write_bytes(
        b"%PDF-1.7\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type /Pages /Kids [2 0 R] /Count 1>> endobj\n"
        b"trailer <</Size 3 /Root 1 0 R>>\n%%EOF\n"
    )
    assert refusal(path)[0] == "corrupt"


def test_an_absurd_number_of_pages_is_too_large_or_corrupt(save: Callable[..., Path]) -> None:
    path = save(document())
    data = path.read_bytes()
    assert b"/Count 1/" in data
    path.write_bytes(data.replace(b"/Count 1/", b"/Count 200000/"))
    assert refusal(path)[0] in {"too_large", "corrupt"}


ENCRYPTED = {
    "encryption": 5,  # PDF_ENCRYPT_AES_256
    "owner_pw": "owner",
    "user_pw": "Pässword",
}


def test_an_encrypted_document_opens_with_any_of_the_passwords(save: Callable[..., Path]) -> None:
    path = save(document(2), **ENCRYPTED)
    assert verdict(path, "wrong", "Pässword")["n_pages"] == 2
    assert verdict(path, "owner")["n_pages"] == 2
    error_class, error = refusal(path, "wrong")
    assert error_class == "encrypted"
    assert "QUIRE_PASSWORDS" in (error or "")


def test_an_owner_password_alone_does_not_keep_a_document_shut(save: Callable[..., Path]) -> None:
    path = save(document(2), **{**ENCRYPTED, "user_pw": ""})
    assert verdict(path)["n_pages"] == 2


def test_an_unknown_security_handler_is_encrypted(save: Callable[..., Path]) -> None:
    path = save(document(), **ENCRYPTED)
    data = path.read_bytes()
    assert b"/Filter/Standard" in data
    path.write_bytes(data.replace(b"/Filter/Standard", b"/Filter/Stendord"))
    assert refusal(path, "Pässword")[0] == "encrypted"


def test_a_missing_file_is_a_verdict_too(tmp_path: Path) -> None:
    record = verdict(tmp_path / "gone.pdf")
    assert (record["status"], record["error_class"]) == ("failed", "source_missing")
    assert record["doc_id"] is None


def test_a_tree_of_pages_that_are_not_there_is_corrupt(tmp_path: Path) -> None:
    draft = Draft("a page", 1)
    draft.tree(b"98 0 R 99 0 R", b"2")
    path = tmp_path / "nobody.pdf"
    path.write_bytes(draft.file())
    assert refusal(path)[0] == "corrupt"


def test_a_catalog_that_cannot_be_read_is_no_empty_document(tmp_path: Path) -> None:
    draft = Draft("a page", 1)
    draft.catalog(b"/Deep " + b"[" * 9_000 + b"]" * 9_000)
    path = tmp_path / "deep.pdf"
    path.write_bytes(draft.file())
    assert refusal(path)[0] == "corrupt"
