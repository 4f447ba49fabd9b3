"""Upgrades of `pages` and `docs` as people do them: real runs of what is stale, and the way back.

With the lake in a folder and, of pages, in a bucket too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from io_managers.schemas import STAGES
from io_managers.versions import accepted_version, state_of
from resources.lake.upgrades import tables_of
from tests.assets.evals.evaluating import make_golden
from tests.end_to_end.buckets import make_bucket_place
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, make_place
from tests.object_store import ObjectStore
from tests.scans import scan, words
from tests.upgrades.making import name_of, versions_in
from tests.upgrades.test_backfill import runs_of

pytestmark = pytest.mark.slow
AFTER_PAGES = ("pages", "images", "docs", "summaries")
SETTINGS = {
    "layout": "off", "ocr": "rapidocr", "eval_pages": "0", "eval_share": "0", "batch_max_docs": "1",
}  # fmt: skip


def golden_with_a_scan(folder: Path) -> Path:
    """Born-digital pages, and one that only OCR reads."""
    make_golden(folder)
    scan(folder / "scanned.pdf", [7])
    case = {
        "id": "scanned", "pdf": "scanned.pdf", "page": 1, "kind": "text_present",
        "text": words(7).splitlines()[0],
    }  # fmt: skip
    with (folder / "cases.jsonl").open("a", encoding="utf-8") as lines:
        lines.write("\n" + json.dumps(case))
    return folder


def told(place: Place, *arguments: str, code: int = 0) -> dict[str, Any]:
    found, out, err = place.run(*arguments, "--json", timeout=900)
    assert found == code, out + err
    report: dict[str, Any] = json.loads(out)
    return report


def rows_of(place: Place, stages: Iterable[str], batches: list[str]) -> dict[str, pl.DataFrame]:
    """Everything that readers see of some batches."""
    return {
        table: place.lake.read(table).filter(pl.col("batch").is_in(batches)).sort(pl.all())
        for stage in stages
        for table in tables_of(stage)
        if table != "image_data"
    }


def marks(place: Place, batch: str) -> dict[str, int]:
    """The epoch that each stage of a batch was published with."""
    found = {}
    for stage in STAGES:
        table = place.lake.ensure(stage)
        found[stage] = int(table.transaction_version(f"{stage}/{batch}") or 0)
    return found


def steps_of_upgrades(place: Place) -> dict[str, set[str]]:
    """The steps that ran for upgrades, by batch."""
    found: dict[str, set[str]] = {}
    for batch, of_upgrade, _, steps in runs_of(place.root / "dagster_home"):
        if of_upgrade:
            found.setdefault(batch, set()).update(steps)
    return found


def stale_batches(place: Place) -> set[str]:
    return {row["batch"] for row in told(place, "status", "--stale")["stale"]}


@pytest.mark.tesseract
@pytest.mark.parametrize(("where", "n_scans", "n_plain"), [("folder", 2, 2), ("bucket", 1, 0)])
def test_another_ocr_engine_reads_stale_pages_and_what_comes_of_them(
    request: pytest.FixtureRequest, tmp_path: Path, where: str, n_scans: int, n_plain: int
) -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("no tesseract: apt-get install tesseract-ocr tesseract-ocr-eng")
    golden = golden_with_a_scan(tmp_path / "golden")
    if where == "folder":
        place = make_place(tmp_path / "place", **SETTINGS, golden=str(golden))
    else:
        s3: ObjectStore = request.getfixturevalue("s3")
        place = make_bucket_place(tmp_path / "place", s3, **SETTINGS, golden=str(golden))
    changed = replace(place, settings={**place.settings, "QUIRE_OCR": "tesseract"})
    for number in range(n_scans):
        scan(place.landing / f"scan-{number}.pdf", [number])
    for number in range(n_plain):
        plain(place.landing / f"plain-{number}.pdf", text=f"What plain {number} says")
    old = [name_of(n + 1) for n in range(n_scans + n_plain)]
    fresh = name_of(len(old) + 1)
    assert sorted(told(place, "ingest")["batches"]) == old
    assert told(place, "evals", "run")["verdicts"] == []

    judged = told(changed, "evals", "run")
    (verdict,) = judged["verdicts"]
    assert (verdict["stage"], verdict["accepted"]) == ("pages", True)
    assert judged["report"].endswith("report.html")
    before = verdict["baseline"]
    after = verdict["version"]
    scan(place.landing / "zz-fresh.pdf", [9])
    assert told(changed, "ingest")["batches"] == [fresh]
    assert versions_in(place.lake, "pages", [fresh]) == {after: 1}
    assert stale_batches(changed) == set(old)

    rows, epochs = rows_of(place, STAGES, old), marks(place, fresh)
    files = place.lake.ensure("files").version()
    upgraded = told(changed, "upgrade", "--canary", "1")
    assert (upgraded["upgrade"]["state"], upgraded["fresh"]) == ("done", [])
    assert len(upgraded["upgrade"]["canary"]) == 1
    assert upgraded["upgrade"]["compared"]["report"]
    assert set(versions_in(place.lake, "pages")) == {after}
    engines = place.lake.read("pages").filter(pl.col("source") == "ocr")["engine"]
    assert (engines.len(), engines.n_unique()) == (n_scans + 1, 1)
    assert "tesseract" in engines[0]
    assert place.lake.ensure("files").version() == files
    assert marks(place, fresh) == epochs
    steps = steps_of_upgrades(place)
    assert set(steps) == set(old)
    assert all(ran == {*AFTER_PAGES, "evals"} for ran in steps.values())
    assert stale_batches(changed) == set()
    assert told(changed, "audit")["findings"] == []

    back = told(changed, "upgrade", "--rollback")
    assert back["rolled_back"] == old
    for table, found in rows_of(place, STAGES, old).items():
        assert found.equals(rows[table]), table
    assert versions_in(place.lake, "pages", [fresh]) == {after: 1}
    assert accepted_version(place.lake, "pages") == before
    assert state_of(place.lake, "pages", after) == "rejected"
    assert told(place, "audit")["findings"] == []

    # What only the new version made is brought back by the old settings, and nothing else.
    assert stale_batches(place) == {fresh}
    assert told(place, "upgrade")["upgrade"]["state"] == "done"
    assert set(versions_in(place.lake, "pages")) == {before}
    assert rows_of(place, ["pages"], old)["pages"].equals(rows["pages"])

    # A person's word lets it in again.
    assert told(changed, "evals", "accept", "pages")["version"] == after
    assert told(changed, "upgrade")["upgrade"]["state"] == "done"
    assert set(versions_in(place.lake, "pages")) == {after}
    assert told(changed, "audit")["findings"] == []


class Newer(Place):
    """`quire` of a later revision of `docs`."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.upgrades.quire", *arguments],
            cwd=self.root,
            env={**self.environment, "UPGRADE_DOCS_REVISION": "99"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def test_another_revision_of_docs_reads_no_page_again(tmp_path: Path) -> None:
    golden = make_golden(tmp_path / "golden")
    place = make_place(tmp_path / "place", **{**SETTINGS, "ocr": "off"}, golden=str(golden))
    newer = Newer(place.root, place.settings)
    for number in range(4):
        plain(place.landing / f"{number}.pdf", 2, text=f"What number {number} says")
    old = sorted(told(place, "ingest")["batches"])
    assert len(old) == 4
    told(place, "evals", "run")
    rows = rows_of(place, STAGES, old)
    upstream = {name: place.lake.ensure(name).version() for name in ("files", "pages", "images")}

    upgraded = told(newer, "upgrade", "--canary", "1")
    assert upgraded["upgrade"]["state"] == "done", upgraded
    (change,) = upgraded["upgrade"]["changes"]
    assert change["stage"] == "docs"
    assert set(versions_in(place.lake, "docs")) == {change["to"]}
    found = {n: place.lake.ensure(n).version() for n in upstream}
    assert found == upstream
    steps = steps_of_upgrades(place)
    assert set(steps) == set(old)
    assert all(ran == {"docs", "summaries", "evals"} for ran in steps.values())
    now = rows_of(place, STAGES, old)
    assert now["docs"]["markdown"].equals(rows["docs"]["markdown"])
    assert now["summaries"].equals(rows["summaries"])  # their input is what it was

    assert told(newer, "upgrade", "--rollback")["rolled_back"] == old
    for table, found_rows in rows_of(place, STAGES, old).items():
        assert found_rows.equals(rows[table]), table
    assert state_of(place.lake, "docs", change["to"]) == "rejected"
    assert told(place, "audit")["findings"] == []
    assert stale_batches(place) == set()
