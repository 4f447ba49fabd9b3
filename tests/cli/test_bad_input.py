"""Bad input to every reading command: one line on stderr that says the mend, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from tests.cli.telling import Run, one_line

READING = (["status"], ["audit"], ["quarantine", "list"])
NEEDING_ROWS = (
    ["show", "x.pdf"],
    ["export", "x.pdf", "--to", "out"],
    ["report", "x.pdf"],
    ["retry", "x.pdf"],
)


@pytest.mark.parametrize("command", READING)
def test_an_empty_lake_is_no_error_to_read(tmp_path: Path, quire: Run, command: list[str]) -> None:
    code, out, err = quire(tmp_path, *command)
    assert (code, err) == (0, "")
    assert f"nothing ingested yet: run quire ingest FOLDER --lake {tmp_path}" in out
    code, out, err = quire(tmp_path, *command, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["lake"] == str(tmp_path)


@pytest.mark.parametrize("command", NEEDING_ROWS)
def test_an_empty_lake_holds_no_document(tmp_path: Path, quire: Run, command: list[str]) -> None:
    code, _, err = quire(tmp_path, *command)
    assert code == 1
    assert "quire ingest FOLDER" in one_line(err)


@pytest.mark.parametrize("command", [*READING, *NEEDING_ROWS])
@pytest.mark.parametrize("kind", ["absent", "file", "dangling", "broken table"])
def test_a_lake_that_is_none_isone_line(
    tmp_path: Path, quire: Run, command: list[str], kind: str
) -> None:
    lake = tmp_path / "lake"
    if kind == "file":
        lake.write_text("no lake")
    elif kind == "dangling":
        lake.symlink_to(tmp_path / "nowhere")
    elif kind == "broken table":
        log = lake / "manifest" / "_delta_log"
        log.mkdir(parents=True)
        (log / f"{0:020d}.json").write_text("no json")
    code, _, err = quire(lake, *command)
    assert code == 1
    assert str(lake) in one_line(err)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status", "--batch", "b9"], 1),
        (["retry", "--batch", "b9"], 1),
        (["status", "--state", "fine"], 2),
        (["status", "--wrong"], 2),
        (["show"], 2),
        (["retry"], 2),
        (["export", "report.pdf"], 2),
        (["quarantine"], 2),
        (["quarantine", "release"], 2),
        (["quarantine", "release", "--class", "gremlins"], 2),
        (["quarantine", "release", "report.pdf"], 1),
        (["nonsense"], 2),
    ],
)
def test_bad_arguments_areone_line(
    mixed: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
) -> None:
    monkeypatch.setenv("QUIRE_LAKE", str(mixed))
    assert main(arguments) == code
    one_line(capsys.readouterr().err)


def test_an_unknown_setting_is_a_usage_error(
    mixed: Path, quire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIRE_LAEK", "x")
    code, _, err = quire(mixed, "status")
    assert code == 2
    assert "did you mean QUIRE_LAKE" in one_line(err)
