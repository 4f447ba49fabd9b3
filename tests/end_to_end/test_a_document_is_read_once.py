"""Promise 3: copies in one batch, in many, and in batches that run at once are read once."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from resources.lake.audit import audit
from resources.lake.find import find
from resources.lake.states import LakeStates
from resources.settings import load_settings
from sensors.partitions import add_partitions
from sensors.scan import tick
from tests.crashes.one_batch import BEGIN
from tests.crashes.place import CountingPlace, make_counting_place
from tests.end_to_end.pdfs import plain

PAGES = 2


def copies(folder: Path, n_documents: int, n_copies: int) -> set[str]:
    """Every document under as many names; a batch of `n_documents` files has each once."""
    folder.mkdir()
    doc_ids = set()
    for number in range(n_documents):
        path = folder / f"0-{number}.pdf"
        plain(path, PAGES, f"Document {number} speaks of the sea")
        data = path.read_bytes()
        doc_ids.add(hashlib.sha256(data).hexdigest())
        for copy in range(1, n_copies):
            (folder / f"{copy}-{number}.pdf").write_bytes(data)
    return doc_ids


def read_once(place: CountingPlace, doc_ids: set[str], n_copies: int) -> None:
    """One owner, one reading and one set of rows a document; a state for every file."""
    lake = place.lake
    pages = {f"{doc_id} {page}" for doc_id in doc_ids for page in range(1, PAGES + 1)}
    assert place.pages_read() == Counter(pages)
    assert sorted(lake.read("contents")["doc_id"]) == sorted(doc_ids)
    owners = dict(lake.read("contents", ["doc_id", "owner_batch"]).iter_rows())
    files = lake.read("files")
    assert Counter(files["doc_id"]) == dict.fromkeys(doc_ids, n_copies)
    assert sorted(files.filter(files["status"] == "ok")["doc_id"]) == sorted(doc_ids)
    for table in ("pages", "docs", "summaries"):
        rows = lake.read(table, ["doc_id", "batch"]).to_dicts()
        assert {row["doc_id"] for row in rows} == doc_ids
        assert all(owners[row["doc_id"]] == row["batch"] for row in rows)
        assert len(rows) == len(doc_ids) * (PAGES if table == "pages" else 1)
    assert audit(lake, deep=True) == []


def run_at_once(place: CountingPlace, batch_max_docs: int) -> tuple[str, ...]:
    """Cut batches, and run each in a process of its own, all begun at the same moment."""
    settings = load_settings(
        {**place.settings, "QUIRE_BATCH_MAX_DOCS": str(batch_max_docs)},
        place.root,
        {"landing": str(place.landing), "lake": place.lake.root, "stable_seconds": "0"},
    )
    batches = tick(place.lake, settings, [settings.landing], linger=False).batches
    with dg.DagsterInstance.local_temp(str(place.root / "dagster_home")) as instance:
        add_partitions(instance, list(batches))
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.one_batch", str(place.root), batch],
            env=place.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for batch in batches
    ]
    while not all((place.root / f"ready-{batch}").exists() for batch in batches):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)
    (place.root / BEGIN).touch()
    for process in processes:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    return batches


def at_once(tmp_path: Path, n_documents: int, n_batches: int) -> None:
    doc_ids = copies(tmp_path / "pdfs", n_documents, n_batches)
    place = make_counting_place(tmp_path / "place", tmp_path / "pdfs", WORKERS="1")
    assert len(run_at_once(place, n_documents)) == n_batches
    read_once(place, doc_ids, n_batches)


def test_two_batches_at_once_read_their_documents_once(tmp_path: Path) -> None:
    at_once(tmp_path, n_documents=3, n_batches=2)


@pytest.mark.slow
def test_eight_batches_at_once_read_their_documents_once(tmp_path: Path) -> None:
    at_once(tmp_path, n_documents=6, n_batches=8)


def test_copies_are_read_once_and_every_name_leads_to_the_rows(tmp_path: Path) -> None:
    doc_ids = copies(tmp_path / "pdfs", n_documents=1, n_copies=3)
    place = make_counting_place(tmp_path / "place", tmp_path / "pdfs", BATCH_MAX_DOCS="2")
    code, _ = place.ingest()
    assert code == 0
    read_once(place, doc_ids, 3)
    assert place.lake.read("files").select("batch").n_unique() == 2
    states = LakeStates(place.lake)
    for name in ("0-0.pdf", "1-0.pdf", str(place.landing / "2-0.pdf")):
        found = find(states, name)
        assert (found.doc_id in doc_ids, found.state, len(found.sightings)) == (True, "done", 3)
    code, out, _ = place.run("show", "1-0.pdf", "--json")
    shown = json.loads(out)
    assert (code, shown["state"], len(shown["pages"])) == (0, "done", PAGES)
    code, _, err = place.run("export", "2-0.pdf", "--to", str(tmp_path / "out"))
    assert code == 0, err
    (folder,) = (tmp_path / "out").iterdir()
    assert "speaks of the sea" in (folder / "document.md").read_text()


@pytest.mark.slow
def test_a_copy_takes_over_within_one_ingest(tmp_path: Path) -> None:
    """Its owner's file goes after it was triaged, as a cleaning job may do."""
    doc_ids = copies(tmp_path / "pdfs", n_documents=1, n_copies=2)
    place = make_counting_place(tmp_path / "place", tmp_path / "pdfs", BATCH_MAX_DOCS="1")
    process = place.start("ingest", "--json")
    while place.lake.read("files").is_empty() and process.poll() is None:
        time.sleep(0.01)
    (place.landing / "0-0.pdf").unlink()
    process.communicate(timeout=300)
    code, _ = place.ingest()
    assert (process.returncode, code) == (0, 0)
    assert audit(place.lake, deep=True) == []
    read = place.lake.read("pages", ["doc_id", "status"]).unique().rows()
    assert read == [(doc_id, "ok") for doc_id in doc_ids]
