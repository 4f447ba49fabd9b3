"""Files of golden cases: what a line may say, and errors that say where and how to mend them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.evals.cases import (
    KINDS,
    Case,
    ImageCount,
    Order,
    PageText,
    SummaryFacts,
    SummaryReference,
    TableCell,
    TextAbsent,
    TextPresent,
    golden_hash,
    load_cases,
)
from resources.errors import SettingError

GOOD: dict[str, Any] = {"id": "one", "pdf": "a.pdf", "kind": "text_present", "text": "words"}


def write(folder: Path, *lines: dict[str, Any] | str, name: str = "cases.jsonl") -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_kind_is_read(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("What the page says.\n", encoding="utf-8")
    kinds: list[dict[str, Any]] = [
        {"kind": "text_present", "text": "a b", "page": 2, "tolerance": 0.1},
        {"kind": "text_absent", "text": "a b", "times": 1},
        {"kind": "order", "texts": ["a", "b", "c"], "stage": "docs"},
        {"kind": "table_cell", "row": "r", "column": "c", "cell": "11", "page": 1},
        {"kind": "page_text", "text_file": "page.txt", "page": 1, "tolerance": 0.02},
        {"kind": "image_count", "count": 0},
        {"kind": "summary_facts", "mention": ["a", ["b", "c"]], "not_mention": ["d"]},
        {"kind": "summary_reference", "text": "What is said.", "tolerance": 0.7},
    ]
    lines = [{"id": str(n), "pdf": "a.pdf", **kind} for n, kind in enumerate(kinds)]
    cases = load_cases(write(tmp_path, *lines))
    assert [case.kind for case in cases] == list(KINDS)
    assert [case.expect for case in cases] == [
        TextPresent("a b"),
        TextAbsent("a b", 1),
        Order(("a", "b", "c")),
        TableCell("r", "c", "11"),
        PageText("What the page says.\n"),
        ImageCount(0),
        SummaryFacts((("a",), ("b", "c")), ("d",)),
        SummaryReference("What is said."),
    ]
    assert cases[0] == Case("0", "a.pdf", "text_present", TextPresent("a b"), 2, 0.1)
    assert cases[2].stage == "docs"


def test_all_files_of_a_folder_are_read_and_blank_lines_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "", GOOD, "  ", name="b.jsonl")
    write(tmp_path, "\ufeff" + json.dumps({**GOOD, "id": "zero"}) + "\r", name="a.jsonl")
    assert [case.id for case in load_cases(tmp_path)] == ["zero", "one"]


def test_a_folder_without_cases_has_none(tmp_path: Path) -> None:
    assert load_cases(tmp_path) == []


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        (without("id"), "id", "it is missing"),
        (without("pdf"), "pdf", "it is missing"),
        (without("text"), "text", "it is missing"),
        ({**GOOD, "kind": "text"}, "kind", "choose one of text_present"),
        ({**GOOD, "txet": "x"}, "txet", "did you mean 'text'?"),
        ({**GOOD, "times": 1}, "times", "did you mean"),
        ({**GOOD, "text": 5}, "text", "5 is no text"),
        ({**GOOD, "text": " - "}, "text", "is no text"),
        ({**GOOD, "text": "\ud800 a"}, "text", "no valid text"),
        ({**GOOD, "page": 0}, "page", "whole number from 1"),
        ({**GOOD, "page": "2"}, "page", "whole number from 1"),
        ({**GOOD, "page": True}, "page", "whole number from 1"),
        ({**GOOD, "tolerance": 1.5}, "tolerance", "from 0 to 1"),
        ({**GOOD, "tolerance": float("nan")}, "tolerance", "from 0 to 1"),
        ({**GOOD, "tolerance": "1"}, "tolerance", "from 0 to 1"),
        ({**GOOD, "stage": "page"}, "stage", "choose one of files"),
        ({**GOOD, "id": "a.pdf#1"}, "id", "leave out # and .pdf"),
        ({**GOOD, "kind": "order"}, "text", "did you mean 'texts'?"),
        ({**without("text"), "kind": "order", "texts": ["a"]}, "texts", "at least 2"),
        ({**without("text"), "kind": "order", "texts": "a"}, "texts", "is no list"),
        ({**without("text"), "kind": "image_count"}, "count", "it is missing"),
        ({**without("text"), "kind": "image_count", "count": -1}, "count", "number from 0"),
        ({**GOOD, "kind": "page_text", "tolerance": 0}, "page", "say which page"),
        ({**GOOD, "kind": "page_text", "page": 1}, "tolerance", "it is missing"),
        ({**GOOD, "kind": "summary_reference"}, "tolerance", "it is missing"),
        (
            {**GOOD, "kind": "summary_reference", "tolerance": 0.5, "page": 1},
            "page",
            "of a whole document",
        ),
        ({**without("text"), "kind": "summary_facts"}, "mention", "no fact is given"),
        ({**without("text"), "kind": "summary_facts", "mention": [[]]}, "mention", "is no text"),
        (
            {**without("text"), "kind": "summary_reference", "tolerance": 0.5},
            "text",
            "one of 'text' and 'text_file'",
        ),
        (
            {**GOOD, "kind": "summary_reference", "tolerance": 0.5, "text_file": "x"},
            "text",
            "one of 'text' and 'text_file'",
        ),
    ],
)
def test_an_error_names_file_line_field_and_mend(
    tmp_path: Path, line: dict[str, Any], field: str, says: str
) -> None:
    write(tmp_path, {**GOOD, "id": "first"}, "", line)
    with pytest.raises(SettingError) as error:
        load_cases(tmp_path)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'cases.jsonl'}, line 3, field '{field}': ")
    assert says in said
    said.encode()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "it is not JSON"),
        ('{"id": "a", "id": "b"}', "'id' stands twice"),
        ("[1]", "it is no object"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_a_line_that_is_no_object_is_told_by_its_number(
    tmp_path: Path, line: str, says: str
) -> None:
    with pytest.raises(SettingError, match="line 2") as error:
        load_cases(write(tmp_path, GOOD, line))
    assert says in str(error.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="UTF-8"):
        load_cases(tmp_path)


def test_an_id_stands_once_in_all_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD, name="a.jsonl")
    write(tmp_path, {**GOOD, "pdf": "b.pdf"}, name="b.jsonl")
    with pytest.raises(SettingError, match=r"'one' is the id of .*a\.jsonl, line 1 too"):
        load_cases(tmp_path)


@pytest.mark.parametrize(
    ("name", "says"), [("none.txt", "cannot be read"), ("../out.txt", "outside the folder")]
)
def test_a_text_lies_beside_its_case(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "out.txt").write_text("secret")
    (folder := tmp_path / "golden").mkdir()
    line = {**without("text"), "kind": "page_text", "page": 1, "tolerance": 0, "text_file": name}
    with pytest.raises(SettingError, match=says):
        load_cases(write(folder, line))


def test_a_golden_set_is_known_by_all_that_decides(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "a.pdf").write_bytes(b"one")
    (tmp_path / "page.txt").write_text("text")
    seen = {golden_hash(tmp_path)}
    assert golden_hash(tmp_path) in seen
    (tmp_path / "notes.log").write_text("no part of it")
    assert golden_hash(tmp_path) in seen
    (tmp_path / "a.pdf").write_bytes(b"two")
    assert golden_hash(tmp_path) not in seen
    seen.add(golden_hash(tmp_path))
    (tmp_path / "a.pdf").rename(tmp_path / "b.pdf")
    assert golden_hash(tmp_path) not in seen
    seen.add(golden_hash(tmp_path))
    (tmp_path / "page.txt").write_text("other")
    assert golden_hash(tmp_path) not in seen
    seen.add(golden_hash(tmp_path))
    write(tmp_path, {**GOOD, "tolerance": 0.1})
    assert golden_hash(tmp_path) not in seen
