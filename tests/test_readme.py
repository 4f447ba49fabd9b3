"""What README, `.env.example` and docs/ say is what the code has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from cli.main import app
from io_managers.schemas import STAGES, TABLES
from io_managers.schemas_doc import is_stage_table, tables_markdown
from resources import settings as settings_module
from resources.settings import REPOSITORY_ROOT, load_settings

README = (REPOSITORY_ROOT / "README.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (REPOSITORY_ROOT / ".env.example").read_text(encoding="utf-8")
PAGES = [
    REPOSITORY_ROOT / "README.md",
    REPOSITORY_ROOT / "CHANGELOG.md",
    *sorted((REPOSITORY_ROOT / "docs").rglob("*.md")),
]
TABLE_START, TABLE_END = "<!-- tables: io_managers/schemas_doc.py -->\n", "\n<!-- /tables -->"
SETTING_ROW = re.compile(r"^\| `(QUIRE_[A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", re.MULTILINE)
EXAMPLE_LINE = re.compile(r"^# (QUIRE_[A-Z0-9_]+)=(.*)$", re.MULTILINE)


def code() -> Iterator[str]:
    """Every code span and every line of a code block."""
    fenced = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for block in fenced.findall(README):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", fenced.sub("", README))


def test_the_table_of_tables_comes_from_the_schemas() -> None:
    assert README.count(TABLE_START) == README.count(TABLE_END) == 1
    shown = README.split(TABLE_START)[1].split(TABLE_END)[0]
    assert shown == tables_markdown(), (
        "put the output of io_managers.schemas_doc.tables_markdown() between the markers"
    )


def test_every_table_and_column_is_in_the_table_of_tables() -> None:
    rows = dict(zip(TABLES, tables_markdown().splitlines()[2:], strict=True))
    for name, table in TABLES.items():
        assert rows[name].startswith(f"| `{name}`")
        words = set(re.findall(r"\w+", rows[name]))
        carried = {"version", "input_sha256", "batch"} if is_stage_table(table) else set()
        assert set(table.columns) - carried <= words
    assert {name for name, table in TABLES.items() if is_stage_table(table)} == {
        *STAGES,
        "image_data",
    }


def test_every_setting_is_in_the_settings_table_and_in_env_example() -> None:
    known = sorted(settings_module._KNOWN)
    assert sorted(name for name, _, _ in SETTING_ROW.findall(README)) == known
    assert sorted(name for name, _ in EXAMPLE_LINE.findall(ENV_EXAMPLE)) == known


def test_both_show_the_same_defaults() -> None:
    shown = {name: default for name, default, _ in SETTING_ROW.findall(README)}
    assert shown == dict(EXAMPLE_LINE.findall(ENV_EXAMPLE))


@pytest.mark.parametrize("taken", [False, True])
def test_env_example_is_a_valid_env_file_of_defaults(tmp_path: Path, *, taken: bool) -> None:
    text = EXAMPLE_LINE.sub(r"\1=\2", ENV_EXAMPLE) if taken else ENV_EXAMPLE
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    (tmp_path / "bare").mkdir()
    given = load_settings({}, tmp_path, {"landing": "/l", "lake": "/k"})
    assert given == load_settings({}, tmp_path / "bare", {"landing": "/l", "lake": "/k"})


def test_every_setting_that_is_named_exists() -> None:
    named = {
        name for page in PAGES for name in re.findall(r"QUIRE_[A-Z0-9_]*[A-Z0-9]", page.read_text())
    }
    assert named <= settings_module._KNOWN


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {m[1] for text in code() if (m := re.match(r"make ([a-z-]+)", text))}
    assert {"demo", "test", "dev", "check", "bench"} <= named
    assert named <= targets


def test_every_command_and_option_that_is_named_exists() -> None:
    seen = set()
    for text in code():
        words = shlex.split(text.removeprefix(".venv/bin/"), comments=True, posix=False)
        if len(words) < 2 or words[0] != "quire":
            continue
        command = typer.main.get_command(app)
        used = words[1:]
        while isinstance(command, TyperGroup):
            assert used, f"{text}: a group needs a command"
            assert used[0] in command.commands, text
            command = command.commands[used.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in used if word.startswith("--")} <= options, text
        seen.add(words[1])
    assert {"ingest", "status", "show", "export", "report", "audit", "retry", "quarantine"} <= seen


def test_every_test_that_a_promise_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", README)
    assert len(named) >= 10
    for file, name in named:
        source = (REPOSITORY_ROOT / file).read_text(encoding="utf-8")
        assert f"\ndef {name}(" in source, f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY_ROOT)))
def test_every_link_and_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [
        link.partition("#")[0]
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not re.match(r"https?://|image:|#", link)
    ]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    rooms = "assets|resources|io_managers|sensors|cli|bench|tests|docs"
    paths = re.findall(rf"`((?:{rooms})/[\w/.-]+\.\w+)(?:::\w+)?`", text)
    missing += [path for path in paths if not (REPOSITORY_ROOT / path).exists()]
    assert missing == []
