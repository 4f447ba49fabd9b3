"""Golden outputs: what the samples read as. `pytest --rewrite-golden` writes them anew.

When one differs, either a change was not meant, or the stage's REVISION must be raised and the
goldens rewritten in the same commit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.versions import stage_version
from resources.samples.make import Sample
from resources.settings import load_settings
from tests.end_to_end.running import Place

pytestmark = pytest.mark.xdist_group("samples")
GOLDEN = Path(__file__).parent.parent / "golden"
Ingested = tuple[Place, list[Sample], Any]


def test_the_rewriting_flag_is_off(pytestconfig: pytest.Config) -> None:
    assert not pytestconfig.getoption("rewrite_golden"), "goldens were rewritten: read the diff"


def outputs(place: Place) -> dict[str, str]:
    """Every golden by file name: documents, texts of pages, and the revisions they belong to."""
    files = {row["doc_id"]: name for name, row in place.files().items() if row["status"] == "ok"}
    found: dict[str, str] = {}
    for row in place.lake.read("docs").to_dicts():
        if row["doc_id"] in files:
            found[f"{_safe(files[row['doc_id']])}.md"] = row["markdown"]
    pages = place.lake.read("pages").sort("doc_id", "page_number").to_dicts()
    for doc_id, name in files.items():
        own = [row for row in pages if row["doc_id"] == doc_id]
        parts = [f"[page {row['page_number']}: {row['source']}]\n{row['text']}" for row in own]
        found[f"{_safe(name)}.txt"] = "\n\f\n".join(parts) + "\n"
    settings = load_settings(place.environment)
    revisions = {s: stage_version(s, settings).revision for s in ("files", "pages", "docs")}
    found["revisions.json"] = json.dumps(revisions, indent=2) + "\n"
    return found


def _safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


def test_samples_read_as_they_did(ingested: Ingested, pytestconfig: pytest.Config) -> None:
    place, _, _ = ingested
    found = outputs(place)
    if pytestconfig.getoption("rewrite_golden"):
        GOLDEN.mkdir(exist_ok=True)
        for path in GOLDEN.iterdir():
            path.unlink()
        for name, text in found.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    written = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.iterdir()}
    assert sorted(found) == sorted(written)
    for name, text in found.items():
        assert text == written[name], f"{name} differs: raise the stage's REVISION, then rewrite"
