"""Pages that MuPDF opens as blank ones although they are damaged."""

from __future__ import annotations

import zlib

import pymupdf
import pytest

from assets.pages.damage import require_content
from resources.errors import DocumentError
from tests.hostile.case import Draft


def opened(draft: Draft) -> pymupdf.Document:
    return pymupdf.open(stream=draft.file(), filetype="pdf")


def test_a_page_with_content_is_a_page() -> None:
    with opened(Draft("a page", 2)) as document:
        require_content(document[0], "")


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
