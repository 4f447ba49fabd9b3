"""`quire ingest` with QUIRE_OCR=surya over a stand-in server: what is asked, kept and failed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pymupdf
import pytest

pytest.importorskip("surya")

from resources.settings import REPOSITORY_ROOT
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, make_place
from tests.fake_surya_server import Script, start
from tests.scans import HEIGHT, WIDTH, scan

pytestmark = pytest.mark.models


@pytest.fixture
def script() -> Script:
    return Script(slow_seconds=5)


@pytest.fixture
def place(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    server, url = start(script)
    monkeypatch.setenv("SURYA_INFERENCE_URL", url)
    yield make_place(tmp_path / "place", ocr="surya", call_timeout="1", layout="off")
    server.shutdown()


def test_scans_are_read_by_the_server_and_text_layers_are_not(place: Place, script: Script) -> None:
    for name, numbers in {"a": [1, 2], "b": [3], "c": [4, 5, 6]}.items():
        scan(place.landing / f"{name}.pdf", numbers)
    scan(place.landing / "turned.pdf", [7], turned=90)
    stamped(place.landing / "stamped.pdf", 8)
    plain(place.landing / "born-digital.pdf", 3)
    code, report = place.ingest()
    assert code == 0, report
    pages = place.lake.read("pages")
    read = pages.filter(pl.col("source") == "ocr")
    assert script.keys() == {str(n): 1 for n in range(1, 9)}
    assert sorted(read["text"]) == [f"Words of page {n}." for n in range(1, 8)]
    assert set(read["engine"]) == {f"surya-{version('surya-ocr')}"}
    assert set(read["status"]) == {"ok"}
    assert read["confidence"].to_list() == pytest.approx([0.9] * 7)
    assert pages.filter(pl.col("source") == "text_layer").height == 3
    block = read.filter(pl.col("text") == "Words of page 3.")["blocks"][0][0]
    assert block["bbox"]["x0"] == pytest.approx(0.08 * WIDTH, abs=1)
    assert block["bbox"]["y1"] == pytest.approx(0.8 * HEIGHT, abs=1)
    turned = read.filter(pl.col("text") == "Words of page 7.").row(0, named=True)
    assert turned["rotation"] == 270
    assert turned["blocks"][0]["bbox"]["x1"] == pytest.approx(0.9 * HEIGHT, abs=1)
    mixed = pages.filter(pl.col("source") == "mixed").row(0, named=True)
    assert mixed["text"] == "Received 12 May\n\nWords of page 8."
    assert mixed["status"] == "ok"
    usage = place.lake.read("usage").filter(pl.col("stage") == "pages")
    assert usage["input_tokens"].sum() == 8_000
    assert usage["output_tokens"].sum() == 400
    served = usage.filter(pl.col("micro_batch") == "served")
    assert served["n_items"].sum() == 8
    made_by = read["version"][0]
    settings = place.lake.read("versions").filter(pl.col("version") == made_by)["settings_json"]
    assert "datalab-to/surya-ocr-2" in settings[0]


def stamped(path: Path, number: int) -> None:
    """A scan with a line of real text at its upper edge."""
    scan(path, [number])
    with pymupdf.open(path) as document:
        document[0].insert_text((250, 20), "Received 12 May", fontsize=10)
        document.saveIncr()


FAULTS = {
    1: ("500", "ocr_failed"),
    2: ("rubbish", "invalid_output"),
    3: ("empty", "ocr_failed"),
    4: ("slow", "timeout"),
}


@pytest.mark.slow
def test_no_fault_becomes_an_empty_page_and_others_go_on(place: Place, script: Script) -> None:
    numbers = [number for n in FAULTS for number in (n, n + 20)]
    scan(place.landing / "faults.pdf", numbers)
    script.of = lambda key, kind: (
        FAULTS.get(int(key), ("text", ""))[0] if kind == "page" else "500",
        f"Words of page {key}.",
    )
    code, report = place.ingest()
    assert code == 3, report
    pages = place.lake.read("pages").sort("page_number")
    assert pages.height == len(numbers)
    for row, number in zip(pages.iter_rows(named=True), numbers, strict=True):
        if number in FAULTS:
            assert row["status"] == "failed", row
            assert row["error"]
        else:
            assert (row["status"], row["text"]) == ("ok", f"Words of page {number}.")
    classes = dict(zip(numbers, pages["error_class"], strict=True))
    assert {n: classes[n] for n in FAULTS} == {n: FAULTS[n][1] for n in FAULTS}
    assert set(place.lake.read("failures")["page_number"]) == set(range(1, len(numbers), 2))


@pytest.mark.slow
def test_another_model_is_one_line(place: Place, script: Script) -> None:
    script.model = "somebody/else"
    scan(place.landing / "a.pdf", [1])
    code, _, err = place.run("ingest")
    assert code == 1
    assert "somebody/else" in err
    assert "Traceback" not in err
    assert script.asked == []


def test_no_address_is_said_before_any_work(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURYA_INFERENCE_URL")
    scan(place.landing / "a.pdf", [1])
    code, _, err = place.run("ingest")
    assert code == 2
    assert "SURYA_INFERENCE_URL=http://host:port/v1" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_killed_and_resumed_no_page_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every finished slice is recorded here, so only pages in flight may be asked again."""
    port, log = _free_port(), tmp_path / "asked.log"
    log.touch()
    serving = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_surya_server", str(port), str(log), "0.4"],
        cwd=REPOSITORY_ROOT,
    )
    try:
        monkeypatch.setenv("SURYA_INFERENCE_URL", f"http://127.0.0.1:{port}/v1")
        place = make_place(
            tmp_path / "place", ocr="surya", layout="off", max_concurrency="2", workers="1"
        )
        scan(place.landing / "long.pdf", list(range(1, 25)))
        run = [sys.executable, "-m", "tests.crashes.quire", "ingest", "--json"]
        killed = subprocess.Popen(
            run, cwd=place.root, env=place.environment, start_new_session=True
        )
        try:
            kept = _wait_for_records(place, 6)
        finally:
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
        kept = max(kept, len(_recorded(place)))
        before = Counter(log.read_text().split("\n")[:-1])
        code, report = place.ingest()
        assert code == 0, report
        asked = Counter(log.read_text().split("\n")[:-1])
    finally:
        serving.kill()
        serving.wait()
    pages = place.lake.read("pages")
    assert sorted(pages["text"]) == sorted(f"Words of page {n}." for n in range(1, 25))
    twice = [key for key, n in asked.items() if n > 1]
    assert kept >= 6
    assert sum(before.values()) - kept >= len(twice)
    assert len(twice) <= 8, asked


def _recorded(place: Place) -> set[int]:
    pages: set[int] = set()
    folder = place.root / "lake" / "_quire" / "checkpoints" / "pages"
    for path in folder.rglob("*.json"):
        told = json.loads(path.read_text())
        for _, numbers in told["answered"].values():
            pages.update(numbers)
    return pages


def _wait_for_records(place: Place, least: int) -> int:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        found = len(_recorded(place))
        if found >= least:
            return found
        time.sleep(0.05)
    raise AssertionError("no page was recorded")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
