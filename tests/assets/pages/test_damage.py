"""Pages that MuPDF opens as blank ones although they are damaged."""

from __future__ import annotations

import zlib
from pathlib import Path

import pymupdf
import pytest

from assets.pages.damage import require_content, require_page
from resources.errors import DocumentError
from tests.hostile.case import Draft


def opened(draft: Draft) -> pymupdf.Document:
    return pymupdf.open(stream=draft.file(), filetype="pdf")


def test_a_page_that_is_there_is_a_page(tmp_path: Path) -> None:
    with opened(Draft("a page", 2)) as document:
        require_page(document, 1)
        require_page(document, 2)
        require_content(document[0], "")


def test_a_page_that_is_not_there_is_unreadable() -> None:
    draft = Draft("a page", 1)
    draft.tree(b"4 0 R 99 0 R", b"2")
    with opened(draft) as document:
        require_page(document, 1)
        with pytest.raises(DocumentError, match="not in the file") as caught:
            require_page(document, 2)
    assert caught.value.error_class == "unreadable"


@pytest.mark.parametrize("content", [b"", b"   ", b"q Q"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_blank_page_stays_one(content: bytes, packed: bool) -> None:
    draft = Draft()
    if packed:
        draft.content(1, zlib.compress(content), b"/Filter/FlateDecode")
    else:
        draft.content(1, content)
    with opened(draft) as document:
        require_content(document[0], "")


def test_a_page_without_content_stays_blank() -> None:
    draft = Draft()
    draft.page(contents=b"[]")
    with opened(draft) as document:
        require_content(document[0], "")


@pytest.mark.parametrize(
    ("data", "dictionary"),
    [(b"nothing that inflates", b"/Filter/FlateDecode"), (b"1 0 0 rg", b"/Filter[/Secret]")],
)
def test_content_of_which_nothing_decodes_is_unreadable(data: bytes, dictionary: bytes) -> None:
    draft = Draft()
    draft.content(1, data, dictionary)
    with opened(draft) as document, pytest.raises(DocumentError, match="nothing of its content"):
        require_content(document[0], "")


def test_what_the_parser_gave_up_is_said() -> None:
    complaints = (
        "syntax error: Failed to read JPX header\nencountered syntax errors; page may not be"
    )
    with opened(Draft()) as document:
        require_content(document[0], complaints)
        with pytest.raises(DocumentError, match="JPX header"):
            require_content(document[0], f"{complaints} correct")
