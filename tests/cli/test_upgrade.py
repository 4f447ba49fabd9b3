"""`quire upgrade`: what it says, what it refuses, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.versions import stage_version
from resources.lake.lake import Lake
from resources.lake.upgrades import read_upgrade, record
from resources.settings import Settings
from resources.summariser.extractive import REVISION
from tests.cli.telling import Run, one_line
from tests.upgrades.making import (
    make_lake,
    name_of,
    newer_summariser,
    republish,
    settings_over,
    versions_in,
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Three finished batches, made by the summariser before the one that is installed."""
    for name, value in (("GATE", "off"), ("OCR", "off"), ("LAYOUT", "off")):
        monkeypatch.setenv(f"QUIRE_{name}", value)
    settings = settings_over(tmp_path)
    make_lake(settings, 3, 1)
    with newer_summariser():
        yield settings


def told(ran: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = ran
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_nothing_stale_is_no_upgrade(place: Settings, quire: Run) -> None:
    lake = Path(place.lake)
    with newer_summariser(REVISION):
        assert "nothing is stale" in quire(lake, "upgrade")[1]
        assert told(quire(lake, "upgrade", "--json"))["upgrade"] is None
    assert read_upgrade(Lake(place.lake)) is None


def test_it_is_begun_stopped_gone_on_with_and_rolled_back(place: Settings, quire: Run) -> None:
    root, lake = Path(place.lake), Lake(place.lake)
    before = lake.read("summaries").sort("doc_id")
    begun = told(quire(root, "upgrade", "--detach", "--canary", "2", "--json"))["upgrade"]
    assert (begun["state"], begun["n_canary"]) == ("judging", 2)
    assert told(quire(root, "upgrade", "--stop", "--json"))["upgrade"]["stopped_in"] == "judging"
    assert "go on with quire upgrade --resume" in quire(root, "status", "--stale")[1]
    _, _, err = quire(root, "upgrade")
    assert "End it before another is begun" in one_line(err)
    going = told(quire(root, "upgrade", "--resume", "--detach", "--json"))
    assert going["upgrade"]["state"] == "judging"
    republish(lake, name_of(2), "summaries", stage_version("summaries", place), " anew")
    stale = told(quire(root, "status", "--stale", "--json"))
    assert {row["batch"] for row in stale["stale"]} == {name_of(1), name_of(3)}
    back = told(quire(root, "upgrade", "--rollback", "--json"))
    assert (back["rolled_back"], back["upgrade"]["state"]) == ([name_of(2)], "rolled_back")
    assert lake.read("summaries").sort("doc_id").equals(before)
    code, _, err = quire(root, "upgrade")  # an open gate does not let it in again
    assert code == 1
    assert "was rejected" in one_line(err)
    assert len(versions_in(lake, "summaries")) == 1


def test_a_stopped_canary_says_why_and_where_to_look(place: Settings, quire: Run) -> None:
    root, lake = Path(place.lake), Lake(place.lake)
    quire(root, "upgrade", "--detach")
    begun = read_upgrade(lake)
    assert begun is not None
    compared = {"lines": ["summaries: 3 of 3 changed"], "report": "_quire/upgrade/u/canary.html"}
    why = "the canary is worse: summaries: more summaries failed"
    stopped = replace(
        begun, state="stopped", stopped_in="canary", why=why, compared=compared, canary=("b1",)
    )
    assert record(lake, stopped) is not None
    code, out, _ = quire(root, "upgrade", "--stop")
    assert code == 0
    for part in (why, "summaries: 3 of 3 changed", "canary.html", "--rollback"):
        assert part in out.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--stop",), "no upgrade moves: there never was one"),
        (("--resume",), "no upgrade is stopped: there never was one"),
        (("--rollback",), "nothing to roll back: there never was an upgrade"),
        (("--stop", "--rollback"), "choose one of --stop, --resume and --rollback"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    place: Settings, quire: Run, arguments: tuple[str, ...], says: str
) -> None:
    code, _, err = quire(Path(place.lake), "upgrade", *arguments)
    assert code in (1, 2)
    assert says in one_line(err)
