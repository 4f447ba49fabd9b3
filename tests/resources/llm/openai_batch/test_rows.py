"""Lines of a Batch API's files, good ones and all others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.errors import ErrorClass, SettingError
from resources.llm.base import Message, Request
from resources.llm.openai.client import Dialect
from resources.llm.openai_batch.engine import make
from resources.llm.openai_batch.rows import answer_of, line_of, read_answers, unanswered
from resources.settings import load_settings
from tests.fake_batch_server import row_of


def asked(key: str = "k1", text: str = "Text.") -> Request:
    return Request(key=key, messages=(Message("user", text),), max_output_tokens=10)


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def good(key: str) -> dict[str, Any]:
    return row_of({"custom_id": key, "body": {"model": "m"}}, "answer \u2028 of it")


def test_a_request_is_one_line_whatever_its_text_holds() -> None:
    line = line_of(asked(text="a\nb\u2028c\ud800d"), "m", Dialect())
    assert b"\n" not in line
    value = json.loads(line)
    assert value["custom_id"] == "k1"
    assert value["body"]["messages"][0]["content"] == "a\nb\u2028c?d"


def test_ends_of_line_inside_a_text_end_no_line() -> None:
    raw = json.dumps(good("k1"), ensure_ascii=False).encode() + b"\r\n"
    found = read_answers(raw, b"", {"k1"}, "m")
    assert found.by_key["k1"].completion.text == "answer \u2028 of it"


def test_the_first_answer_counts_and_all_are_paid_for() -> None:
    second = good("k1")
    second["response"]["body"]["choices"][0]["message"]["content"] = "another"
    found = read_answers(lines(good("k1"), second, good("k9")), b"", {"k1"}, "m")
    assert found.by_key["k1"].completion.text == "answer \u2028 of it"
    assert (found.n_duplicate, len(found.unknown), len(found.paid)) == (1, 1, 3)


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b"7", b'"k1"', b"\xff\xfe", b'{"custom_id": 7}', b"{}", b"[" * 100_000],
)
def test_rubbish_is_kept_aside(line: bytes) -> None:
    found = read_answers(lines(good("k1")) + line, b"", {"k1"}, "m")
    assert found.unknown == [line]
    assert found.by_key["k1"].completion.error_class is None


@pytest.mark.parametrize(
    ("row", "error_class", "again", "charged"),
    [
        ({"response": None, "error": {"code": "batch_expired"}}, "rate_limited", True, False),
        ({"response": None, "error": {"code": "other"}}, "summary_failed", True, True),
        ({"response": None, "error": None}, "summary_failed", True, True),
        ({}, "summary_failed", True, True),
        ({"response": {"status_code": 429, "body": {}}}, "rate_limited", True, False),
        ({"response": {"status_code": 500, "body": None}}, "summary_failed", True, True),
        ({"response": {"status_code": 200, "body": "<html>"}}, "invalid_output", True, True),
        ({"response": {"status_code": 200, "body": {}}}, "invalid_output", False, True),
        ({"response": {"body": {"choices": []}}}, "invalid_output", False, True),
        (
            {"response": {"status_code": 400, "body": {"error": {"code": "content_filter"}}}},
            "refused", False, True,
        ),
        (
            {"response": {"status_code": 400, "body": {"error": "prompt is too long"}}},
            "too_large", False, True,
        ),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_has_a_class(
    row: dict[str, Any], error_class: str, again: bool, charged: bool
) -> None:
    answer = read_answers(b"", lines({"custom_id": "k1", **row}), {"k1"}, "m").by_key["k1"]
    assert answer.completion.error_class == error_class
    assert answer.completion.error
    assert (answer.again, answer.charged) == (again, charged)
    assert answer_of(json.loads(json.dumps(answer.as_record()))) == answer


def test_what_no_line_answers_is_missing() -> None:
    missing = unanswered("m", ErrorClass.INTERRUPTED, "it was cancelled", charged=False)
    found = read_answers(lines(good("k1")), b"", {"k1", "k2"}, "m", missing)
    assert found.n_missing == 1
    assert found.by_key["k2"].completion.key == "k2"
    assert found.by_key["k2"].completion.error == "it was cancelled"


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "QUIRE_MODEL"), ({"QUIRE_MODEL": "m"}, "file:///folder for vllm run-batch")],
)
def test_settings_that_cannot_work_say_the_mend(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        make(load_settings({"QUIRE_SUMMARISER": "openai_batch", **given}))
