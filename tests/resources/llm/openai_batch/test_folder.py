"""A folder in place of a provider: what `vllm run-batch` reads and writes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from resources.errors import SettingError
from resources.llm.openai_batch.folder import SETTLED_SECONDS, FolderProvider
from resources.llm.openai_batch.make import make_provider
from resources.llm.openai_batch.provider import ProviderAwayError
from tests.fake_batch_server import BatchServer, first_words, row_of
from tests.lakes import Pdf
from tests.provider_place import PRICE, Place
from tests.summary_stage import BATCH, settings_of, short, stage_of


def place_of(tmp_path: Path, *pdfs: Pdf) -> Place:
    given = {
        "summariser": "openai_batch", "model": "tiny", "prices": PRICE, "context_tokens": "2000",
        "base_url": f"file://{tmp_path}/to%20vllm",
    }  # fmt: skip
    return Place(stage_of(tmp_path, pdfs, **given), BatchServer())


def run_batch(folder: Path, only: int | None = None) -> None:
    """What `vllm run-batch -i X.in.jsonl -o X.out.jsonl` does."""
    for path in folder.glob("*.in.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [json.dumps(row_of(line, first_words(line["body"]))) for line in lines[:only]]
        out = folder / path.name.replace(".in.", ".out.")
        out.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_a_batch_goes_through_a_folder(tmp_path: Path) -> None:
    place = place_of(tmp_path, short(1), short(2))
    folder = tmp_path / "to vllm"
    assert place.look().n_waiting == 2
    (sent,) = folder.iterdir()
    line = json.loads(sent.read_text(encoding="utf-8").splitlines()[0])
    assert (line["url"], line["body"]["model"]) == ("/v1/chat/completions", "tiny")
    assert place.look().state == "waiting"
    run_batch(folder)
    assert place.look().state == "ready"
    place.publish()
    place.all_ok_rows(2)
    assert [path.suffixes for path in folder.iterdir()] == [[".out", ".jsonl"]]
    assert place.look(BATCH).state == "nothing"


def test_answers_that_never_come_are_asked_for_again(tmp_path: Path) -> None:
    place = place_of(tmp_path, *(short(i) for i in range(3)))
    folder = tmp_path / "to vllm"
    place.look()
    run_batch(folder, only=2)
    assert place.look().submitted.n_sent == 0  # it may still be written
    (out,) = folder.glob("*.out.jsonl")
    long_ago = time.time() - SETTLED_SECONDS - 1
    os.utime(out, (long_ago, long_ago))
    assert place.look().submitted.n_sent == 1
    run_batch(folder)
    assert place.look().state == "ready"
    place.publish()
    place.all_ok_rows(3)


def test_requests_that_are_taken_away_are_cancelled(tmp_path: Path) -> None:
    folder = FolderProvider(tmp_path)
    job = folder.create("j1", folder.upload("j1", b"{}\n"))
    assert job.state == "in_progress"
    folder.cancel("j1")
    found = folder.job("j1")
    assert found is not None
    assert found.state == "cancelled"


def test_a_folder_that_is_gone_is_a_provider_that_is_away(tmp_path: Path) -> None:
    folder = FolderProvider(tmp_path / "unmounted")
    with pytest.raises(ProviderAwayError, match="is it mounted"):
        folder.job("j1")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ProviderAwayError, match="cannot use the folder"):
        FolderProvider(blocked / "below").upload("j1", b"")


@pytest.mark.parametrize("url", ["file://relative/folder", "file:///", "file://"])
def test_a_folder_is_named_by_its_whole_path(tmp_path: Path, url: str) -> None:
    settings = settings_of(tmp_path, summariser="openai_batch", model="m", base_url=url)
    with pytest.raises(SettingError, match="file:///absolute/folder"):
        make_provider(settings)
