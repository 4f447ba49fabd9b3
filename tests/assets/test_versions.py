"""Which settings a stage runs with: those given, those of the accepted version, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from assets.versions import (
    accepted_settings,
    held_back,
    settings_of,
    settings_to_use,
    stage_version,
)
from cli.main import main
from io_managers.schemas import STAGES, TABLES
from io_managers.versions import (
    StageVersion,
    accepted,
    accepted_version,
    decide,
    register,
    state_of,
)
from resources.errors import SettingError, VersionNotAcceptedError
from resources.lake.lake import Lake
from resources.settings import Settings
from tests.lakes import ALL_GOOD, publish_batch

ELSEWHERE = StageVersion("summaries", 3, "transformers", {"model": "of another machine"})


def accept_all(lake: Lake, settings: Settings) -> None:
    for stage in STAGES:
        register(lake, stage_version(stage, settings), "block")


@pytest.fixture
def ready(lake: Lake, settings: Settings) -> Lake:
    accept_all(lake, settings)
    return lake


def by_server(settings: Settings, **more: str | None) -> Settings:
    given = {"model": "small", "base_url": "http://models:8000/v1", "api_key": "sk-secret", **more}
    return replace(settings, summariser="openai", **given)  # type: ignore[arg-type]


def test_a_lakes_first_versions_are_used_as_they_are(lake: Lake, settings: Settings) -> None:
    assert held_back(lake, settings) == {}
    for stage in STAGES:
        assert settings_to_use(lake, stage, settings) is settings


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("pages", {"layout": False}),
        ("pages", {"ocr": "off"}),
        ("images", {"keep_scans": True}),
        ("summaries", {"summariser": "openai", "model": "m", "base_url": "http://h/v1"}),
    ],
)
def test_a_candidate_waits_and_the_accepted_version_is_used(
    ready: Lake, settings: Settings, stage: str, change: dict[str, object]
) -> None:
    changed = replace(settings, **change)  # type: ignore[arg-type]
    used = settings_to_use(ready, stage, changed)
    assert stage_version(stage, used) == stage_version(stage, settings)
    name = stage_version(stage, changed).name
    assert state_of(ready, stage, name) == "candidate"
    assert held_back(ready, changed) == {}
    decide(ready, stage, name, "rejected", "e1")
    assert stage_version(stage, settings_to_use(ready, stage, changed)).name != name
    decide(ready, stage, name, "accepted", "e2")
    assert settings_to_use(ready, stage, changed) is changed
    assert accepted_version(ready, stage) == name


@pytest.mark.parametrize("gate", ["warn", "off"])
def test_an_open_gate_lets_a_new_version_in(ready: Lake, settings: Settings, gate: str) -> None:
    changed = replace(settings, layout=False, gate=gate)
    name = stage_version("pages", changed).name
    decide(ready, "pages", stage_version("pages", changed), "rejected", "e1")
    assert held_back(ready, changed) == {}
    assert settings_to_use(ready, "pages", changed) is changed
    assert register(ready, stage_version("pages", changed), gate) == "accepted"
    assert accepted_version(ready, "pages") == name


def test_what_cannot_be_made_here_is_waited_for(lake: Lake, settings: Settings) -> None:
    register(lake, ELSEWHERE, "block")
    with pytest.raises(VersionNotAcceptedError, match="quire evals run"):
        settings_to_use(lake, "summaries", settings)
    held = held_back(lake, settings)
    assert list(held) == ["summaries"]
    assert "candidate" in held["summaries"]
    assert ELSEWHERE.name in held["summaries"]
    decide(lake, "summaries", stage_version("summaries", settings), "rejected", "e1")
    assert "rejected" in held_back(lake, settings)["summaries"]
    assert "quire evals accept" in held_back(lake, settings)["summaries"]
    decide(lake, "summaries", stage_version("summaries", settings), "accepted", None)
    assert held_back(lake, settings) == {}


def test_looking_at_what_is_held_back_writes_nothing(lake: Lake, settings: Settings) -> None:
    register(lake, ELSEWHERE, "block")
    held_back(lake, settings)
    assert lake.read("versions").height == 1


def test_the_model_of_an_accepted_version_is_put_back(lake: Lake, settings: Settings) -> None:
    before = by_server(settings, api_key=None)
    accept_all(lake, before)
    after = by_server(settings, model="large", api_key=None)
    used = settings_to_use(lake, "summaries", after)
    assert (used.model, used.base_url) == ("small", "http://models:8000/v1")
    moved = replace(after, base_url="http://new:9000/v1", api_key="sk-of-the-new-server")
    used = settings_to_use(lake, "summaries", moved)
    assert (used.model, used.base_url, used.api_key) == ("small", "http://models:8000/v1", None)
    assert settings_to_use(lake, "summaries", settings) == replace(
        before, summariser="openai", api_key=None
    )


def test_a_key_is_sent_to_no_other_server(lake: Lake, settings: Settings) -> None:
    accept_all(lake, by_server(settings))
    same_server = by_server(settings, model="large", api_key="sk-new")
    used = settings_to_use(lake, "summaries", same_server)
    assert (used.model, used.api_key) == ("small", "sk-new")
    elsewhere = by_server(settings, model="large", base_url="http://other/v1")
    assert accepted_settings(lake, "summaries", elsewhere) is None
    assert "summaries" in held_back(lake, elsewhere)


def test_no_secret_is_written_down(lake: Lake, settings: Settings) -> None:
    hidden = by_server(settings, base_url="http://user:word@models:8000/v1?token=sesame")
    told = settings_of("summaries", replace(hidden, storage_options={"key": "s3-secret"}))
    assert told["QUIRE_BASE_URL"] == "http://models:8000/v1"
    text = str(told)
    assert not [s for s in ("sk-secret", "user", "word", "sesame", "s3-secret") if s in text]
    accept_all(lake, by_server(settings))
    assert "sk-secret" not in str(lake.read("versions").to_dicts())


def test_a_server_that_moved_is_known_by_its_new_address(lake: Lake, settings: Settings) -> None:
    accept_all(lake, by_server(settings, api_key=None))
    moved = by_server(settings, api_key=None, base_url="http://new:1/v1")
    assert settings_to_use(lake, "summaries", moved) is moved
    known = accepted(lake, "summaries")
    assert known is not None
    assert known.settings is not None
    assert known.settings["QUIRE_BASE_URL"] == "http://new:1/v1"


def test_a_lake_from_before_the_column_settings(lake: Lake, settings: Settings) -> None:
    """Old rows have none: what the inputs of the hash tell is enough for all but models."""
    accept_all(lake, settings)
    rows = lake.read("versions").drop("settings")
    old = Lake(f"{lake.root}-old")
    Path(old.root).mkdir()
    write_deltalake(old.table_uri("versions"), rows)
    changed = replace(
        settings, ocr="off", layout=False, keep_scans=True, summariser="openai", model="m",
        base_url="http://h/v1",
    )  # fmt: skip
    for stage in STAGES:
        used = settings_to_use(old, stage, changed)
        assert stage_version(stage, used) == stage_version(stage, settings)
    assert old.read("versions").columns == list(TABLES["versions"].columns)
    # A run with the accepted settings writes down what made them.
    assert settings_to_use(old, "pages", settings) is settings
    told = old.read("versions").filter(
        (pl.col("stage") == "pages") & (pl.col("state") == "accepted")
    )
    assert '"QUIRE_LAYOUT":"on"' in told["settings"][0]


def test_a_setting_of_a_newer_quire_is_waited_for(lake: Lake, settings: Settings) -> None:
    made_by = {"QUIRE_OCR": settings.ocr, "QUIRE_READING_GLASSES": "on"}
    version = replace(stage_version("pages", settings), settings=made_by)
    register(lake, version, "block")
    assert accepted_settings(lake, "pages", replace(settings, layout=False)) is None


def test_a_decision_is_about_a_version_that_is_known(ready: Lake) -> None:
    with pytest.raises(SettingError, match="quire evals run"):
        decide(ready, "pages", "pages-r9-none-000000000000", "accepted", None)


def test_the_newest_decision_is_current(ready: Lake, settings: Settings) -> None:
    first = stage_version("pages", settings)
    second = stage_version("pages", replace(settings, layout=False))
    decide(ready, "pages", second, "accepted", "e1")
    assert accepted_version(ready, "pages") == second.name
    decide(ready, "pages", second, "rejected", None)
    assert accepted_version(ready, "pages") == first.name
    decide(ready, "pages", first, "candidate", None)
    assert accepted_version(ready, "pages") is None
    row = ready.read("versions").filter(pl.col("version") == second.name).to_dicts()[0]
    assert (row["state"], row["eval_run"]) == ("rejected", None)
    assert row["decided_at"] is not None


def test_status_says_what_batches_wait_for(
    lake: Lake, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*more: str) -> str:
        main(["status", "--lake", lake.root, *more])
        return capsys.readouterr().out

    accept_all(lake, replace(settings, layout=False))
    publish_batch(lake, "b00000001", ALL_GOOD, stages=())
    said = status()
    assert "not accepted, and used for nothing: pages-r" in said
    assert "(candidate); quire evals run judges candidates" in said
    decide(lake, "summaries", ELSEWHERE, "accepted", None)
    decide(lake, "summaries", stage_version("summaries", settings), "rejected", "e1")
    assert "1 batches wait for an accepted version:" in status()
    waiting = {w["stage"]: w for w in json.loads(status("--json"))["waiting_versions"]}
    assert waiting["pages"]["used"] == accepted_version(lake, "pages")
    assert waiting["summaries"]["used"] is None
    assert waiting["summaries"]["state"] == "rejected"
    assert f"this machine cannot make {ELSEWHERE.name}" in waiting["summaries"]["words"]
