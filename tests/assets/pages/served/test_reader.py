"""A page on its two ways through a worker: what it asks, and what it becomes with the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("surya")

from assets.pages.read import read_pages
from assets.pages.served.asks import ASKS, asks_of
from resources.samples.mixed import mixed

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "mixed.pdf"
    path.write_bytes(mixed())
    return path


def read(pdf: Path, answers: dict[int, Any] | None = None) -> list[tuple[dict[str, Any], Any]]:
    payload: dict[str, Any] = {
        "path": str(pdf),
        "doc_id": None,
        "page_numbers": [1, 2, 3] if answers is None else sorted(answers),
        "ocr": "surya",
        "layout": False,
    }
    if answers is not None:
        payload["answers"] = answers
    return list(read_pages(payload, lambda _: None))


def answer(ask: dict[str, Any], **fields: Any) -> dict[str, Any]:
    blocks = [
        {
            "label": "Text",
            "html": "<p>Words that the server read in the picture, in a long line.</p>" * 4,
            "box": [0.1, 0.1, 0.9, 0.9],
            "confidence": 0.8,
        }
    ]
    told = {"ask": ask, "is_empty": False, "error_class": None, "error": None, "blocks": blocks}
    return {**told, **fields}


First = list[tuple[dict[str, Any], Any]]
Asked = dict[int, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def first(pdf: Path) -> First:
    return read(pdf)


@pytest.fixture
def asked(first: First) -> Asked:
    return {row["page_number"]: row[ASKS] for row, _ in first if ASKS in row}


def test_only_what_has_no_text_layer_is_asked(first: First) -> None:
    (text, _), (scan, pixels), (mixed_page, part) = first
    assert (text["status"], text["source"]) == ("ok", "text_layer")
    ((whole, data),) = asks_of(scan, pixels)
    assert whole.n_lines > 3
    assert len(data) == whole.n_bytes > 0
    ((region, _),) = asks_of(mixed_page, part)
    assert region.n_bytes < whole.n_bytes


def test_answers_become_rows_and_failures_keep_what_there_is(pdf: Path, asked: Asked) -> None:
    good = {page: [answer(ask) for ask in asks] for page, asks in asked.items()}
    (scan, pixels), (both, _) = read(pdf, good)
    assert pixels is None
    assert (scan["status"], scan["source"], scan["confidence"]) == ("ok", "ocr", 0.8)
    assert scan["engine"].startswith("surya-")
    assert both["source"] == "mixed"
    assert "Words that the server read" in both["text"]
    failed = {"error_class": "timeout", "error": "no answer", "blocks": []}
    bad = {page: [answer(ask, **failed) for ask in asks] for page, asks in asked.items()}
    (scan, _), (both, _) = read(pdf, bad)
    assert (scan["status"], scan["error_class"], scan["text"]) == ("failed", "timeout", "")
    assert (both["status"], both["source"]) == ("partial", "text_layer")
    assert both["text"]


def test_nothing_where_letters_may_be_is_a_failure(pdf: Path, asked: Asked) -> None:
    empty = {"is_empty": True, "error_class": "ocr_failed", "error": "nothing", "blocks": []}
    answers = {2: [answer(asked[2][0], **empty)]}
    assert read(pdf, answers)[0][0]["status"] == "failed"
    answers = {2: [answer({**asked[2][0], "has_letters": False}, **empty)]}
    assert read(pdf, answers)[0][0]["status"] == "ok"


def test_answers_to_another_question_are_not_taken(pdf: Path, asked: Asked) -> None:
    other = {**asked[2][0], "region": [0.0, 0.0, 50.0, 50.0]}
    row, _ = read(pdf, {2: [answer(other)]})[0]
    assert (row["status"], row["error_class"]) == ("failed", "ocr_failed")
