"""Answers of workers against their tables: what is a row passes, everything else has a reason."""

from __future__ import annotations

import time
from typing import Any

import pytest

from assets.answers import MAX_ITEMS, MAX_TEXT, checked, fault_of
from io_managers.schemas import IMAGES, PAGES

_GIVEN = ("version", "batch", "doc_id", "input_sha256")
PAGE_COLUMNS = tuple(c for c in PAGES.columns if c not in _GIVEN)
IMAGE_COLUMNS = tuple(c for c in IMAGES.columns if c not in _GIVEN)
BOX = {"x0": 0, "y0": -1.5, "x1": 9e9, "y1": 2.0}


def block(**changes: Any) -> dict[str, Any]:
    return {"kind": "text", "bbox": BOX, "text": "t", "markdown": "t", **changes}


def page(**changes: Any) -> dict[str, Any]:
    row = {"page_number": 1, "status": "ok", "source": "none", "blocks": [block()], "width": 9.0}
    return {**row, **changes}


def test_a_page_as_it_should_be_is_a_row() -> None:
    assert fault_of(PAGES, page(), PAGE_COLUMNS) is None
    failed = page(status="failed", error_class="timeout", error="too slow", blocks=[])
    assert fault_of(PAGES, failed, PAGE_COLUMNS) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": None},
        {"status": "good"},
        {"source": 1},
        {"error_class": "no such class"},
        {"width": float("nan")},
        {"width": float("inf")},
        {"width": "9"},
        {"width": True},
        {"n_chars": -1},
        {"n_chars": 2**31},
        {"n_chars": 1.5},
        {"elapsed_ms": 2**63},
        {"text": ["a"]},
        {"text": "x" * (MAX_TEXT + 1)},
        {"blocks": [None, "x"]},
        {"blocks": "blocks"},
        {"blocks": [block()] * (MAX_ITEMS + 1)},
        {"blocks": [block(bbox={**BOX, "x0": None})]},
        {"blocks": [block(bbox={"x0": 0.0})]},
        {"blocks": [block(bbox={**BOX, "z": 1.0})]},
        {"blocks": [block(image_index="0")]},
    ],
)
def test_anything_else_has_a_reason_that_does_not_repeat_it(changes: dict[str, Any]) -> None:
    fault = fault_of(PAGES, page(**changes), PAGE_COLUMNS)
    assert fault is not None
    assert len(fault) < 100


def test_an_image_may_have_no_role() -> None:
    row = {"page_number": 1, "image_index": 0, "status": "failed", "error_class": "unreadable"}
    assert fault_of(IMAGES, row, IMAGE_COLUMNS) is None
    assert fault_of(IMAGES, {**row, "role": "spy"}, IMAGE_COLUMNS) is not None


def test_a_key_is_answered_once_and_the_first_answer_stands() -> None:
    rows = [page(text="first"), page(text="second"), page(page_number=2, status="?"), page()]
    rows.append(page(page_number=2))
    found = list(checked(PAGES, ((row, None) for row in rows), PAGE_COLUMNS))
    assert [(row["page_number"], fault is None) for row, _, fault in found] == [
        (1, True),
        (2, False),
    ]
    assert found[0][0]["text"] == "first"


def test_checking_a_full_page_takes_little_beside_reading_it() -> None:
    """A full page has about a hundred blocks; reading one takes 10 ms without layout."""
    full = page(blocks=[block() for _ in range(100)])
    started = time.process_time()
    for _ in range(20):
        fault_of(PAGES, full, PAGE_COLUMNS)
    assert (time.process_time() - started) / 20 < 0.01
