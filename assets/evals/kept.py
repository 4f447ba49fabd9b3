"""Evaluation runs as they are kept: their record, their results, their readings, their report.

Here: records to and from what the lake holds. Not here: the table's commit or where objects lie
(`io_managers/evals.py`), or what is judged (`run.py`).

Of a run there are, under `_quire/evals/<run_id>/`: `run.json` (written last but for the decision),
`readings-<set>-<new|old>.parquet` (one row a document, pages inside it), `places.json` and
`report.html`. Readings are also found by what was read with which versions, so that nothing is read
twice.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

import polars as pl

from assets.evals.base import (
    Comparison,
    DocumentReading,
    EvalRun,
    PageReading,
    Readings,
    Result,
    Suite,
    Verdict,
)
from io_managers.evals import FOLDER, append_rows, eval_rows, object_path, run_ids
from resources.lake.lake import Lake

RUN: Final = "run.json"
REPORT: Final = "report.html"
PLACES: Final = "places.json"
_READ: Final = f"{FOLDER}/read"
_META: Final = "quire"
_PAGE: Final = pl.Struct(
    {
        "doc_id": pl.String,
        "page_number": pl.Int32,
        "status": pl.String,
        "text": pl.String,
        "markdown": pl.String,
        "source": pl.String,
        "engine": pl.String,
        "confidence": pl.Float64,
        "n_images": pl.Int32,
        "error_class": pl.String,
    }
)
_DOCUMENT: Final = pl.Schema(
    {
        "doc_id": pl.String(),
        "file_name": pl.String(),
        "uri": pl.String(),
        "status": pl.String(),
        "title": pl.String(),
        "markdown": pl.String(),
        "pages": pl.List(_PAGE),
        "summary": pl.String(),
        "summary_status": pl.String(),
        "n_images": pl.Int32(),
        "error_class": pl.String(),
    }
)


# Results ---------------------------------------------------------------------------------------


def append_results(
    lake: Lake, run_id: str, results: Iterable[Result], *, at: datetime | None = None
) -> int:
    """Append results to `evals` under a run, exactly once; see `io_managers.evals.append_rows`."""
    return append_rows(lake, run_id, [asdict(result) for result in results], at=at)


def read_results(
    lake: Lake,
    *,
    run_id: str | None = None,
    suite: Suite | None = None,
    subject: str | None = None,
    version: str | None = None,
    batch: str | None = None,
) -> list[Result]:
    """Results that are kept, the oldest first, of what is given only."""
    rows = eval_rows(
        lake, run_id=run_id, suite=suite, subject=subject, version=version, batch=batch
    )
    names = [field.name for field in fields(Result)]
    return [Result(**row) for row in rows.select(names).iter_rows(named=True)]


# Runs ------------------------------------------------------------------------------------------


def keep_run(lake: Lake, run: EvalRun) -> None:
    """Write a run's record."""
    data = json.dumps(asdict(run), indent=1, default=_plain)
    lake.put(object_path(run.run_id, RUN), data.encode())


def read_run(lake: Lake, run_id: str) -> EvalRun | None:
    """A run's record; None where there is none, or none that this version of Quire can read."""
    held = lake.get(object_path(run_id, RUN))
    try:
        return None if held is None else _run(json.loads(held))
    except (ValueError, KeyError, TypeError):  # torn by a power cut, or of another version
        return None


def all_runs(lake: Lake) -> list[EvalRun]:
    """Every run that came to its end, the newest first."""
    return [run for name in run_ids(lake) if (run := read_run(lake, name)) is not None]


def newest_run(lake: Lake) -> EvalRun | None:
    """The last run that came to its end; None where there is none."""
    return next((run for name in run_ids(lake) if (run := read_run(lake, name)) is not None), None)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _run(held: dict[str, Any]) -> EvalRun:
    verdicts = tuple(_verdict(verdict) for verdict in held["verdicts"])
    started = datetime.fromisoformat(held["started_at"])
    values = {"verdicts": verdicts, "started_at": started, "notes": tuple(held.get("notes", ()))}
    return EvalRun(**{**_known(EvalRun, held), **values})


def _verdict(held: dict[str, Any]) -> Verdict:
    comparisons = tuple(
        Comparison(**{**_known(Comparison, each), "worst": tuple(each["worst"])})
        for each in held["comparisons"]
    )
    reasons = tuple(held["reasons"])
    return Verdict(**{**_known(Verdict, held), "reasons": reasons, "comparisons": comparisons})


def _known(record: type, held: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has a field for: a later version of Quire may have written more."""
    names = {field.name for field in fields(record)}
    return {name: value for name, value in held.items() if name in names}


# Readings --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Which reading it is.

    Attributes:
        of: Hash of what was read: a golden set's, or that of a sample.
        versions: By stage, of every stage that was run.
    """

    of: str
    versions: Mapping[str, str]

    @property
    def key(self) -> str:
        """One name for it."""
        parts = json.dumps([self.of, sorted(self.versions.items())], separators=(",", ":"))
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def keep_readings(lake: Lake, run_id: str, which: str, found: Readings, *readings: Reading) -> None:
    """Keep texts of pages and documents of one side of a run (`golden-new`, `pages-old`).

    It is found again by each of `readings`; of two with one key the later one is.
    """
    frame = pl.DataFrame([asdict(document) for document in found.documents], schema=_DOCUMENT)
    meta = {
        "versions": dict(found.versions),
        "seconds": dict(found.seconds),
        "cost_usd": found.cost_usd,
    }
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={_META: json.dumps(meta)})
    path = object_path(run_id, f"readings-{which}.parquet")
    lake.put(path, buffer.getvalue())
    for reading in readings:
        lake.put(f"{_READ}/{reading.key}", path.encode())


def find_readings(lake: Lake, reading: Reading) -> Readings | None:
    """What an earlier run read of the same with the same versions; None where none did."""
    held = lake.get(f"{_READ}/{reading.key}")
    return None if held is None else _readings(lake, held.decode())


def read_readings(lake: Lake, run_id: str, which: str) -> Readings | None:
    """One side of a run."""
    return _readings(lake, object_path(run_id, f"readings-{which}.parquet"))


def _readings(lake: Lake, path: str) -> Readings | None:
    held = lake.get(path)
    if held is None:
        return None
    try:
        frame = pl.read_parquet(io.BytesIO(held))
        meta = json.loads(pl.read_parquet_metadata(io.BytesIO(held))[_META])
    except (pl.exceptions.PolarsError, ValueError, KeyError):  # torn: it is read again
        return None
    documents = tuple(_document(row) for row in frame.iter_rows(named=True))
    return Readings(meta["versions"], documents, meta["seconds"], meta["cost_usd"])


def _document(row: dict[str, Any]) -> DocumentReading:
    pages = tuple(PageReading(**page) for page in row["pages"] or ())
    return DocumentReading(**{**_known(DocumentReading, row), "pages": pages})


# Places ----------------------------------------------------------------------------------------


def keep_places(lake: Lake, run_id: str, places: Mapping[str, tuple[str, int]]) -> None:
    """Keep which document and page of its readings each golden case of a run is about."""
    lake.put(object_path(run_id, PLACES), json.dumps(places).encode())


def read_places(lake: Lake, run_id: str) -> dict[str, tuple[str, int]]:
    """The document and page of each golden case of a run (a `PageKey`)."""
    held = json.loads(lake.get(object_path(run_id, PLACES)) or b"{}")
    return {case: (doc_id, page) for case, (doc_id, page) in held.items()}


# The report ------------------------------------------------------------------------------------


def keep_report(lake: Lake, run_id: str, page: bytes) -> str:
    """Keep a run's report; returns its address."""
    path = object_path(run_id, REPORT)
    lake.put(path, page)
    return report_address(lake, run_id)


def report_address(lake: Lake, run_id: str) -> str:
    """Where a run's report lies, for people."""
    return f"{lake.root}/{object_path(run_id, REPORT)}"


def read_report(lake: Lake, run_id: str) -> bytes | None:
    """A run's report."""
    return lake.get(object_path(run_id, REPORT))
