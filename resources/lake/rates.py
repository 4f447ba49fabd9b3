"""What work takes in this lake: seconds a page and document, and how many pages a file's bytes are.

Here: reading the newest runs of `usage`, and blending them with defaults into `Rates`. Not here:
what is recorded (`io_managers/usage.py`) or where a batch ends (`sensors/batching.py`).

A run's history counts from its rows of `usage` alone. What was read lies in `_quire/`, so that a
look reads only what came since; it is a copy, and may be deleted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from io_managers.schemas import USAGE
from io_managers.usage import LOADING, STEP, size_class
from resources.budget.books import CALLS
from resources.lake.lake import Lake
from resources.settings import Settings

RUNS: Final = 100
"""Newest runs that are looked at."""
RECENT: Final = "_quire/recent_usage.json"
_MAX_FILES: Final = 1_000
"""Files of `usage` that are read at most; five or so are written a run until they are compacted."""
_COLUMNS: Final = (
    "run_id", "stage", "micro_batch", "version", "n_items", "seconds", "recorded_at",
)  # fmt: skip

TEXT_PAGE: Final = {True: 0.22, False: 0.01}
"""Worker-seconds of a page with a text layer, layout on and off (docs/decisions/layout.md)."""
OCR_PAGE: Final = {"rapidocr": 2.1, "tesseract": 1.6, "surya": 2.1, "off": 0.01}
"""Worker-seconds of a page that OCR reads (docs/decisions/ocr-speed.md, tesseract.md); surya's
speed is its server's, and is not known before it was seen."""
PAGE: Final = 0.02
"""Worker-seconds of a page beside its reading: its images, stitching, the summary."""
DOCUMENT: Final = 0.01
"""Worker-seconds of triage."""
SERIAL_DOCUMENT: Final = 0.002
"""Seconds of a document in which no worker works: rows written and read again."""
START: Final = 2.0
"""Worker-seconds until workers have loaded what they need."""
RUN: Final = 1.0
"""Seconds of a run in which no worker works, whatever it holds: marks, commits, checks."""
TEXT_PAGES_A_BYTE: Final = 1 / 36_000
OCR_PAGES_A_BYTE: Final = 1 / 330_000
"""A page with a text layer has some 25 KB, a scanned one 100 KB (medians of varied PDFs); three
bytes of ten are taken to be scans', which makes one page of ten."""
_LEAST_PAGES: Final = (0.7, 0.3)
"""The smallest file has a page; one of three is a scan."""
_TRUST_DOCUMENTS: Final = 20
_TRUST_PAGES: Final = 50
_TRUST_RUNS: Final = 5
"""History of so many documents of a size, pages of a kind, or runs weighs as much as a default."""


@dataclass(frozen=True)
class Seen:
    """Files of one class of sizes: how many there were, and the pages in them."""

    files: int = 0
    text_pages: int = 0
    ocr_pages: int = 0


@dataclass(frozen=True)
class Rates:
    """What work takes. Seconds are worker-seconds, but for `run` and `serial_document`.

    Attributes:
        n_runs: Runs of this lake that these come from.
        text_page: Reading a page with a text layer.
        ocr_page: Reading a page by OCR, in whole or in part.
        page: A page beside its reading.
        document: A document beside its pages.
        start: Workers' seconds a run before anything is done.
        run: Wall-clock seconds a run in which no worker works.
        serial_document: The same, for each document.
        text_pages_a_byte: Of all files together.
        ocr_pages_a_byte: The same of pages that OCR reads.
        seen: Files by the class of their size (the power of two that their bytes reach).
    """

    n_runs: int = 0
    text_page: float = TEXT_PAGE[True]
    ocr_page: float = OCR_PAGE["rapidocr"]
    page: float = PAGE
    document: float = DOCUMENT
    start: float = START
    run: float = RUN
    serial_document: float = SERIAL_DOCUMENT
    text_pages_a_byte: float = TEXT_PAGES_A_BYTE
    ocr_pages_a_byte: float = OCR_PAGES_A_BYTE
    seen: Mapping[int, Seen] = field(default_factory=dict)

    def pages(self, n_bytes: int) -> tuple[float, float]:
        """Pages to expect in a file of this size: with a text layer, and for OCR.

        A size says little of one file (a scanned page or ten pages of text) and much of hundreds:
        both numbers are means, of the files of like size that this lake has seen where it has.
        """
        text = max(_LEAST_PAGES[0], n_bytes * self.text_pages_a_byte)
        ocr = max(_LEAST_PAGES[1], n_bytes * self.ocr_pages_a_byte)
        seen = self.seen.get(size_class(n_bytes))
        if seen is None:
            return text, ocr
        total = seen.files + _TRUST_DOCUMENTS
        return (
            (seen.text_pages + _TRUST_DOCUMENTS * text) / total,
            (seen.ocr_pages + _TRUST_DOCUMENTS * ocr) / total,
        )

    def worker_seconds(self, n_bytes: int) -> float:
        """What a file of this size is expected to take of all workers together."""
        text, ocr = self.pages(n_bytes)
        each = text * (self.text_page + self.page) + ocr * (self.ocr_page + self.page)
        return self.document + each


def default_rates(settings: Settings) -> Rates:
    """What is taken to hold before there is history."""
    return Rates(text_page=TEXT_PAGE[settings.layout], ocr_page=OCR_PAGE[settings.ocr])


def read_rates(lake: Lake, settings: Settings, *, keep: bool = True) -> Rates:
    """What this lake's newest runs say, blended with the defaults as far as they say little.

    Seconds a page count only from runs of the version of `pages` that readers see, and only if
    that was made with these settings: layout and OCR decide them. What was read is kept for the
    next look, unless nothing may be written (`keep`).

    Raises:
        LakeError: The lake cannot be read.
    """
    rows = _recent(lake, keep=keep)
    if rows.is_empty():
        return default_rates(settings)
    return rates_of(rows, _version_of_pages(lake, settings), default_rates(settings))


def rates_of(rows: pl.DataFrame, version: str | None, default: Rates) -> Rates:
    """Rates from rows of `usage` (`_COLUMNS`); `version` is that of the pages that count."""
    runs = _by_run(rows)
    whole = [run for run in runs if run.files and run.pages]
    seen: defaultdict[int, Seen] = defaultdict(Seen)
    for run in whole:
        for size, found in run.seen.items():
            before = seen[size]
            seen[size] = Seen(
                before.files + found.files,
                before.text_pages + found.text_pages,
                before.ocr_pages + found.ocr_pages,
            )
    document, start = _line([(r.files, r.triage) for r in whole], default.document, default.start)
    serial, run_seconds = _line(
        [(r.files, r.step) for r in whole], default.serial_document, default.run
    )
    same = [run for run in runs if run.version == version]
    page, loading = _line([(r.pages, r.beside) for r in same if r.pages], default.page, 0.0)
    n_bytes = sum(1.5 * 2**size * found.files for size, found in seen.items())
    return Rates(
        n_runs=len(runs),
        text_page=_mean([r.text for r in same], default.text_page),
        ocr_page=_mean([r.ocr for r in same], default.ocr_page),
        page=page,
        document=document,
        start=start + loading,
        run=run_seconds,
        serial_document=serial,
        text_pages_a_byte=_a_byte(
            sum(s.text_pages for s in seen.values()), n_bytes, default.text_pages_a_byte
        ),
        ocr_pages_a_byte=_a_byte(
            sum(s.ocr_pages for s in seen.values()), n_bytes, default.ocr_pages_a_byte
        ),
        seen=dict(seen),
    )


@dataclass
class _Run:
    """One run, all its stages together: counts, and worker-seconds."""

    version: str | None = None
    files: int = 0
    pages: int = 0
    triage: float = 0.0
    step: float = 0.0
    beside: float = 0.0
    text: tuple[int, float] = (0, 0.0)
    ocr: tuple[int, float] = (0, 0.0)
    seen: dict[int, Seen] = field(default_factory=dict)

    def add(self, stage: str, micro_batch: str, n_items: int, seconds: float) -> None:
        kind, _, power = micro_batch.partition("/2^")
        if kind == STEP:
            self.step += seconds
        elif stage == "files":
            self.files += n_items
            self.triage += seconds
            self._see(power, files=n_items)
        elif kind == "text_layer":
            self.pages += n_items
            self.text = (self.text[0] + n_items, self.text[1] + seconds)
            self._see(power, text=n_items)
        elif kind == "ocr":
            self.pages += n_items
            self.ocr = (self.ocr[0] + n_items, self.ocr[1] + seconds)
            self._see(power, ocr=n_items)
        elif stage != "pages" or kind == LOADING:
            self.beside += seconds

    def _see(self, power: str, *, files: int = 0, text: int = 0, ocr: int = 0) -> None:
        if power.isdecimal():
            old = self.seen.get(int(power), Seen())
            new = Seen(old.files + files, old.text_pages + text, old.ocr_pages + ocr)
            self.seen[int(power)] = new


def _by_run(rows: pl.DataFrame) -> list[_Run]:
    runs: defaultdict[str, _Run] = defaultdict(_Run)
    for row in rows.sort("run_id", "stage", "micro_batch").iter_rows(named=True):
        run = runs[row["run_id"]]
        run.add(row["stage"], row["micro_batch"], row["n_items"] or 0, row["seconds"] or 0.0)
        if row["stage"] == "pages":
            run.version = row["version"]
    return list(runs.values())


def _line(points: Sequence[tuple[float, float]], slope: float, base: float) -> tuple[float, float]:
    """Seconds a unit and seconds whatever there is, by least squares; blended with the defaults.

    A quotient would charge a document of a small batch with what a run costs by itself.
    """
    n = len(points)
    if not n:
        return slope, base
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    found = slope
    if spread:
        found = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    found = min(max(found, 0.0), mean_y / mean_x if mean_x else slope)
    trust = n / (n + _TRUST_RUNS)
    found = trust * found + (1 - trust) * slope
    rest = max(0.0, mean_y - found * mean_x)
    return found, trust * rest + (1 - trust) * base


def _mean(counted: Sequence[tuple[int, float]], default: float) -> float:
    pages = sum(n for n, _ in counted)
    seconds = sum(s for _, s in counted)
    return (seconds + _TRUST_PAGES * default) / (pages + _TRUST_PAGES)


def _a_byte(pages: int, n_bytes: float, default: float) -> float:
    weight = _TRUST_PAGES / TEXT_PAGES_A_BYTE
    return (pages + weight * default) / (n_bytes + weight)


def _version_of_pages(lake: Lake, settings: Settings) -> str | None:
    """The version of `pages` that was accepted last, if layout and OCR were as they are set now."""
    columns = ["stage", "version", "state", "settings_json", "decided_at"]
    rows = lake.read("versions", columns).filter(
        (pl.col("stage") == "pages") & (pl.col("state") == "accepted")
    )
    if rows.is_empty():
        return None
    row = rows.sort("decided_at").row(-1, named=True)
    layout = json.loads(row["settings_json"] or "{}").get("layout")
    engine = str(row["version"]).split("-")[2:3]
    same = layout == ("on" if settings.layout else "off") and engine == [settings.ocr]
    return str(row["version"]) if same else None


def _recent(lake: Lake, *, keep: bool) -> pl.DataFrame:
    """Rows of the newest `RUNS` runs; only files that came since the last look are read."""
    table = lake.open("usage")
    empty = pl.DataFrame(schema=_schema())
    if table is None:
        return empty
    held = _held(lake)
    mark = [str(table.metadata().id), table.version()]
    if held.get("mark") == mark:
        return _frame(held["rows"])
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        return empty
    newest = actions.sort("modification_time", "path", descending=True).head(_MAX_FILES)
    paths = newest["path"].to_list()
    same_table = held.get("mark", [None])[0] == mark[0]
    known = _frame(held["rows"]) if same_table else empty
    fresh = sorted(set(paths) - set(held["paths"] if same_table else ()))
    if fresh:
        # Calls of a model say what was paid; the stage's own row says what time it took.
        is_call = pl.col("micro_batch").str.starts_with(CALLS)
        found = lake.scan_files("usage", fresh).filter(~is_call).select(_COLUMNS).collect()
        known = pl.concat([known, found]).unique(["run_id", "stage", "micro_batch"])
    rows = _newest_runs(known)
    if keep:
        value: dict[str, Any] = {"mark": mark, "paths": paths, "rows": _plain(rows)}
        lake.put(RECENT, json.dumps(value).encode())
    return rows


def _newest_runs(rows: pl.DataFrame) -> pl.DataFrame:
    last = rows.group_by("run_id").agg(pl.col("recorded_at").max().alias("last"))
    newest = last.sort("last", "run_id", descending=True).head(RUNS).select("run_id")
    return rows.join(newest, on="run_id", how="semi").sort("run_id", "stage", "micro_batch")


def _schema() -> pl.Schema:
    return pl.Schema({name: USAGE.polars[name] for name in _COLUMNS})


def _held(lake: Lake) -> dict[str, Any]:
    """What the last look left, or nothing when it is gone or torn."""
    try:
        held = json.loads(lake.get(RECENT) or b"{}")
    except ValueError:
        return {}
    return held if isinstance(held, dict) and {"mark", "paths", "rows"} <= held.keys() else {}


def _plain(rows: pl.DataFrame) -> list[list[Any]]:
    return [list(row) for row in rows.with_columns(pl.col("recorded_at").to_physical()).rows()]


def _frame(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    schema = _schema()
    plain = pl.Schema({**schema, "recorded_at": pl.Int64()})
    return pl.DataFrame(rows, schema=plain, orient="row").cast(dict(schema))  # type: ignore[arg-type]
