"""Real PDFs: what each should come to was written down before the first run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.end_to_end.running import Place, make_place

pytestmark = pytest.mark.corpus
EXPECTED = Path(__file__).parent.parent / "data" / "corpus_expected.csv"
ODD_FOLDERS = ("corrupt", "encrypted", "not_a_pdf", "zero_pages", "attachments", "forms", "misc")
Verdict = tuple[str, str, str]


def expected() -> dict[str, Verdict]:
    with EXPECTED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row["path"]: (row["status"], row["error_class"], row["n_pages"]) for row in rows}


def passwords(corpus: Path) -> str:
    with (corpus / "manifest.csv").open(encoding="utf-8") as file:
        return json.dumps(sorted({row["password"] for row in csv.DictReader(file)} - {""}))


def found(place: Place, root: Path) -> dict[str, Verdict]:
    verdicts = {}
    for row in place.lake.read("files").to_dicts():
        path = unquote(row["uri"]).removeprefix(f"file://{root}/")
        pages = str(row["n_pages"] or "") if row["status"] == "ok" else ""
        verdicts[path] = (row["status"], row["error_class"] or "", pages)
    return verdicts


def test_odd_files_are_told_apart(tmp_path: Path, corpus: Path) -> None:
    place = make_place(tmp_path / "place", passwords=passwords(corpus), ocr="off", layout="off")
    for folder in ODD_FOLDERS:
        shutil.copytree(corpus / folder, place.landing / folder)
    code, _ = place.ingest()
    assert code == 3
    wanted = {path: v for path, v in expected().items() if path.startswith(ODD_FOLDERS)}
    assert found(place, place.landing) == wanted
    assert place.run("audit")[0] == 0


@pytest.mark.slow
def test_the_whole_corpus_ends_as_written_down(tmp_path: Path, corpus: Path) -> None:
    place = make_place(tmp_path / "place", passwords=passwords(corpus))
    place.landing.rmdir()
    place.landing.symlink_to(corpus.resolve())
    code, out, err = place.run("ingest", "--json", timeout=3600)
    assert code == 3, err
    report = json.loads(out)
    assert report["failed_runs"] == {}
    assert report["peak_memory_mb"] < 1024
    assert found(place, place.landing) == expected()
    failures = place.lake.read("failures")
    unknown = failures.filter(failures["error_class"] == "unknown")["doc_id"].n_unique()
    assert unknown <= 0.01 * len(expected())
    assert place.run("audit", "--deep")[0] == 0
    again = place.ingest()
    assert (again[0], again[1]["runs"], again[1]["taken"]) == (3, 0, 0)
