"""The boundary: every command ends in an exit code, and an error in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from cli import main as command
from cli.exit_codes import ExitCode, exit_code, of_error, of_states
from cli.instance import running_batches
from resources.errors import LakeError, SettingError
from resources.report.escaping import visible
from resources.settings import REPOSITORY_ROOT, load_settings
from tests.lakes import ALL_GOOD, make_lake, publish_batch

COMMANDS = ("ingest", "plan", "status", "show", "export", "audit", "retry")


def _run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=REPOSITORY_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _quire(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-m", "cli.main", *arguments], **environment)


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({"done": 5}, 0),
        ({"done": 5, "partial": 1}, 3),
        ({"quarantined": 1}, 3),
        ({"quarantined": 1, "blocked": 1}, 4),
        ({"waiting": 1, "blocked": 1}, 1),
        ({"running": 1, "done": 1}, 1),
        ({"done": 1, "waiting": 0, "blocked": 0}, 0),
    ],
)
def test_states_become_one_exit_code(counts: dict[str, int], code: int) -> None:
    assert of_states(counts) == code
    frame = pl.DataFrame({"state": [s for s, n in counts.items() for _ in range(n)]})
    frame = frame.cast({"state": pl.String})
    assert exit_code(frame, frame.clear()) == exit_code(frame.clear(), frame) == code


def test_errors_become_exit_codes() -> None:
    assert of_error(SettingError("x")) == ExitCode.USAGE
    assert of_error(LakeError("x")) == ExitCode.CANNOT_GO_ON
    assert of_error(KeyboardInterrupt()) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("name", [*COMMANDS, "quarantine list"])
def test_every_command_has_help_a_lake_and_json(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert "--lake" in told
    assert "--json" in told


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in COMMANDS)
    assert command.main(["--version"]) == 0


def test_an_error_that_nobody_foresaw_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("a bug\nof two lines")

    monkeypatch.setattr(command, "app", broken)
    assert command.main(["status"]) == ExitCode.CANNOT_GO_ON
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "ZeroDivisionError: a bug of two lines" in told
    report = Path(told.split()[-1])
    assert "Traceback" in report.read_text()
    report.unlink()


def test_the_installed_command_reads_without_importing_dagster(tmp_path: Path) -> None:
    publish_batch(make_lake(tmp_path), "b00000001", ALL_GOOD)
    script = (
        "import sys; from cli.main import main; code = main(sys.argv[1:]); "
        "sys.exit(code or ('dagster' in sys.modules) * 99)"
    )
    done = _run([sys.executable, "-c", script, "status", "--lake", str(tmp_path)])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    publish_batch(make_lake(tmp_path), "b00000001", ALL_GOOD)
    shell = f"{sys.executable} -m cli.main show report.pdf --lake {tmp_path} | head -n 1"
    done = _run(["bash", "-o", "pipefail", "-c", shell])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"lake: {tmp_path}\n"


def test_a_terminal_that_knows_ascii_only_still_gets_an_answer(tmp_path: Path) -> None:
    publish_batch(make_lake(tmp_path), "b00000001", ALL_GOOD)
    done = _quire("show", "report.pdf", "--lake", str(tmp_path), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    missing = _quire("show", "é", "--lake", str(tmp_path), PYTHONIOENCODING="ascii")
    assert missing.returncode == 1


def test_interrupting_exits_130() -> None:
    script = (
        "import sys, time; from cli import main\n"
        "def wait(**_): print('ready', flush=True); time.sleep(60)\n"
        "main.app = wait; sys.exit(main.main(['status']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.count("\n") == 1
    assert "interrupted" in told


def test_what_runs_is_asked_of_dagster_only_when_it_may_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg  # a real instance with real runs

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings = load_settings({"QUIRE_LAKE": str(tmp_path / "lake")})
    assert running_batches(settings) == frozenset()

    @dg.job
    def nothing() -> None:
        """Do nothing."""

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.create_run_for_job(
            nothing, tags={"dagster/partition": "b00000001"}, status=dg.DagsterRunStatus.SUCCESS
        )
        assert running_batches(settings) == frozenset()
        instance.create_run_for_job(
            nothing, tags={"dagster/partition": "b00000002"}, status=dg.DagsterRunStatus.STARTED
        )
    assert running_batches(settings) == {"b00000002"}


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[2J\n\u202e\x85é日\u200d") == "a\\x1b[2J\\x0a\\u202e\\x85é日\\u200d"
    assert visible("a\nb\tc\r\u200d", lines=True) == "a\nb\tc\\x0d\u200d"
