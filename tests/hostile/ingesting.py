"""Ingesting hostile files as a user does, and what became of each of them.

Here: one batch through `quire ingest`, and its outcome by file. Not here: what was expected
(`case.py` and the modules of cases).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from resources.landing.uris import uri_of
from tests.end_to_end.running import Place, make_place
from tests.hostile.case import Hostile
from tests.hostile.encryption import PASSWORDS

PAGE_SECONDS = 3
DOCUMENT_SECONDS = 30
MEMORY_MB = 768
_PATIENCE = 1_500.0


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    state: str
    classes: frozenset[str] = frozenset()
    failed: tuple[int, ...] = ()
    n_pages: int | None = None
    said: str = field(default="", repr=False)
    """Everything that a row of it says."""
    errors: tuple[str, ...] = ()


def a_place(root: Path, **settings: str) -> Place:
    """A place with the clocks and the memory of these tests."""
    chosen = {
        "page_timeout": str(PAGE_SECONDS),
        "doc_timeout": str(DOCUMENT_SECONDS),
        "worker_memory_mb": str(MEMORY_MB),
        "passwords": json.dumps(PASSWORDS),
    }
    return make_place(root, **{**chosen, **settings})


def land(place: Place, cases: Iterable[Hostile]) -> None:
    """Put the files into the landing zone."""
    for case in cases:
        path = _path(place, case.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(case.make())


def ingest(place: Place) -> tuple[int, dict[str, Any], float]:
    """Exit code, report and seconds of `quire ingest`."""
    started = time.monotonic()
    code, out, err = place.run("ingest", "--json", timeout=_PATIENCE)
    assert out, err
    return code, json.loads(out), time.monotonic() - started


def outcomes(place: Place, names: Sequence[str | bytes]) -> dict[str | bytes, Outcome]:
    """What became of each of these files."""
    code, out, err = place.run("status", "--files", "--json")
    assert code == 0, err
    states = {row["uri"]: row for row in json.loads(out)["listed"]}
    tables = {name: place.lake.read(name) for name in ("files", "pages", "docs", "failures")}
    return {name: _outcome(uri_of(_path(place, name)), states, tables) for name in names}


def _outcome(uri: str, states: dict[str, Any], tables: dict[str, pl.DataFrame]) -> Outcome:
    file = tables["files"].filter(pl.col("uri") == uri).row(0, named=True)
    doc_id = file["doc_id"] or ""
    pages = tables["pages"].filter(pl.col("doc_id") == doc_id).sort("page_number")
    failures = tables["failures"].filter((pl.col("doc_id") == doc_id) | (pl.col("uri") == uri))
    docs = tables["docs"].filter(pl.col("doc_id") == doc_id)
    n_pages = file["n_pages"]
    assert pages["page_number"].to_list() == list(range(1, (n_pages or 0) + 1)), uri
    for column in ("width", "height"):
        assert pages[column].drop_nulls().is_finite().all(), uri
    rows = [*pages.to_dicts(), *docs.to_dicts(), file]
    return Outcome(
        states[uri]["state"],
        frozenset(failures["error_class"]),
        tuple(pages.filter(pl.col("status") == "failed")["page_number"]),
        n_pages,
        json.dumps(rows, default=str),
        tuple(
            sorted({f"{r['stage']} {r['page_number']}: {r['error']}" for r in failures.to_dicts()})
        ),
    )


def differences(cases: Sequence[Hostile], found: dict[str | bytes, Outcome]) -> list[str]:
    """What is not as it was expected, a line a file."""
    return [
        f"{case.name!r}: {'; '.join(wrong)} {found[case.name]}"
        for case in cases
        if (wrong := list(_wrong(case, found[case.name])))
    ]


def _wrong(case: Hostile, found: Outcome) -> Iterable[str]:
    done = (found.state, found.n_pages, found.failed) == ("done", case.n_pages, ())
    if case.may_pass and done and case.text in found.said:
        return
    if found.state != case.state:
        yield f"expected {case.state}"
    if not found.classes <= set(case.classes) or bool(found.classes) != bool(case.classes):
        yield f"expected {case.classes}"
    if found.failed != case.failed:
        yield f"expected failed pages {case.failed}"
    if found.n_pages != case.n_pages:
        yield f"expected {case.n_pages} pages"
    if case.text and case.text not in found.said:
        yield f"lacks {case.text!r}"
    if case.absent and case.absent in found.said:
        yield f"holds {case.absent!r}"


def _path(place: Place, name: str | bytes) -> bytes:
    return os.path.join(os.fsencode(place.landing), os.fsencode(name))
