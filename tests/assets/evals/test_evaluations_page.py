"""docs/evaluations.md: its cases load, its settings have those defaults, its metrics are all."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from assets.evals.base import METRICS
from assets.evals.cases import KINDS, load_cases
from assets.evals.golden_set import DEFAULT, golden_set
from cli.main import app
from resources.settings import REPOSITORY_ROOT, load_settings

PAGE = (REPOSITORY_ROOT / "docs" / "evaluations.md").read_text(encoding="utf-8")


def block(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [line for part in found for line in part.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's own example of a golden set."""
    root = tmp_path_factory.mktemp("golden")
    (root / "cases.jsonl").write_text("\n".join(block("jsonl")), encoding="utf-8")
    (root / "scan-clean-1.txt").write_bytes((DEFAULT / "scan-clean-1.txt").read_bytes())
    for name in {name for case in block("jsonl") for name in re.findall(r"[\w-]+\.pdf", case)}:
        (root / name).write_bytes(b"%PDF-1.7")  # loading opens none
    return root


def test_the_example_has_one_case_of_each_kind_and_loads(folder: Path, tmp_path: Path) -> None:
    assert [case.kind for case in load_cases(folder)] == list(KINDS)
    settings = load_settings({}, tmp_path, {"golden": str(folder)})
    with golden_set(settings) as golden:
        assert len(golden.cases) == len(KINDS)
        assert {case.pdf for case in golden.cases} <= set(golden.pdfs)


def test_every_field_of_a_case_is_told() -> None:
    fields = {name for case in block("jsonl") for name in re.findall(r'"(\w+)": ', case)}
    told = set(re.findall(r"`(\w+)`", PAGE)) | {name for name in fields if f'"{name}": ' in PAGE}
    assert fields <= told


def test_every_metric_is_named_and_no_other() -> None:
    table = PAGE.split("| of | metrics |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert named == set(METRICS)


def test_settings_have_the_defaults_that_are_shown(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    shown = dict(re.findall(r"^\| `QUIRE_(EVAL_\w+|GATE)` \| `?([\w.]+)`? \|", PAGE, re.MULTILINE))
    assert shown == {
        "GATE": settings.gate,
        "EVAL_PAGES": str(settings.eval_pages),
        "EVAL_SHARE": str(settings.eval_share),
        "EVAL_WARN": str(settings.eval_warn),
        "EVAL_FAIL": str(settings.eval_fail),
    }


@pytest.mark.parametrize("line", block("sh"))
def test_every_command_works_as_typed(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words.pop(0) == "quire"
    command = typer.main.get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
