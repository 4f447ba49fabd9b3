"""`quire provider`: jobs that are out are listed and can be ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.exit_codes import ExitCode
from cli.main import main
from tests.fake_batch_server import KEY, serving
from tests.provider_place import Place
from tests.summary_stage import short, stage_of


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with serving() as server:
        given = {
            "summariser": "openai_batch", "model": "tiny", "base_url": server.url, "api_key": KEY,
            "context_tokens": "2000",
        }  # fmt: skip
        made = Place(stage_of(tmp_path, [short(i) for i in range(3)], **given), server)
        for name, value in {**given, "lake": made.stage.lake.root}.items():
            monkeypatch.setenv(f"QUIRE_{name.upper()}", value)
        yield made


def test_jobs_are_listed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provider", "list"]) == ExitCode.DONE
    assert "no job is out" in capsys.readouterr().out
    place.look()
    assert main(["provider", "list"]) == ExitCode.DONE
    assert "batch_1" in capsys.readouterr().out
    assert main(["provider", "list", "--json"]) == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["documents"] == 3
    assert [(job["provider_job"], job["requests"]) for job in told["jobs"]] == [("batch_1", 3)]


def test_jobs_are_cancelled_and_the_rest_is_asked_again(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.look()
    assert main(["provider", "cancel", "batch_1"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "1 jobs are asked to end" in out
    assert "quire pause" in out
    assert place.look().submitted.n_sent == 2  # one was answered by then
    assert main(["provider", "cancel", "--all", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["cancelled"] == ["batch_2"]
    place.to_end()
    place.all_ok(3)


def test_what_cannot_be_cancelled_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provider", "cancel"]) == ExitCode.USAGE
    assert main(["provider", "cancel", "nosuch"]) == ExitCode.CANNOT_GO_ON
    assert "no job 'nosuch' is out" in capsys.readouterr().err
    place.server.status = 503
    place.look()
    assert main(["provider", "cancel", "--all"]) == ExitCode.DONE
    assert "nothing to cancel yet" in capsys.readouterr().out
