"""A lake's tables as an audit reads them: each at one version, and findings about their rows.

Here: `Finding`, and frames of one snapshot. Not here: what is looked for (`audit*.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import polars as pl
from deltalake import DeltaTable

from io_managers.publish import transaction_id
from io_managers.schemas import STAGES, TABLES
from resources.lake.lake import Lake

READ_ORDER: Final = (
    "summaries", "docs", "images", "image_data", "pages", "files", "contents", "manifest",
    "failures", "versions", "evals", "usage", "completions", "api_jobs",
)  # fmt: skip
"""Opened against the flow: what a row refers to is then never older than the row, though runs
publish while the audit reads."""


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: what it is about, what is wrong, and what mends it."""

    kind: str
    subject: str
    message: str
    mend: str

    def as_dict(self) -> dict[str, str]:
        """The same as plain JSON values."""
        return asdict(self)


class Snapshot:
    """Every table at the version it had when the audit began."""

    def __init__(self, lake: Lake, running_batches: Collection[str] = ()) -> None:
        """Open all tables; batches that are in a run are left out of checks across tables."""
        self.lake = lake
        self.running_batches = frozenset(running_batches)
        self.tables: dict[str, DeltaTable | None] = {name: lake.open(name) for name in READ_ORDER}
        self._frames: dict[tuple[str, tuple[str, ...]], pl.DataFrame] = {}
        self._published: dict[str, frozenset[str]] = {}

    def read(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of a table, all batches."""
        key = (name, tuple(columns))
        if key not in self._frames:
            self._frames[key] = self.scan(name, columns).collect()
        return self._frames[key]

    def scan(self, name: str, columns: Sequence[str], batch: str | None = None) -> pl.LazyFrame:
        """The same, lazily, of one batch when given."""
        table = self.tables[name]
        if table is None:
            return pl.LazyFrame(schema=self._schema(name, columns))
        return self.lake.scan(name, columns, batch=batch, table=table)

    def settled(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        """Rows of the batches that no run is changing now."""
        rows = self.read(name, columns)
        return rows.filter(~pl.col("batch").is_in(list(self.running_batches)))

    @property
    def batches(self) -> list[str]:
        """Every batch of the manifest that is not in a run."""
        names: list[str] = self.read("manifest", ["batch"])["batch"].unique().sort().to_list()
        return [name for name in names if name not in self.running_batches]

    def batches_with_rows(self, name: str) -> list[str]:
        """Batches that a stage's table holds rows of."""
        table = self.tables[name]
        return [] if table is None else sorted({p["batch"] for p in table.partitions()})

    def published(self, stage: str) -> frozenset[str]:
        """Batches of this stage that carry the mark of publishing."""
        if stage not in self._published:
            table = self.tables[stage]
            names = {*self.batches, *self.batches_with_rows(stage)}
            marks = {} if table is None else self.lake.transactions(stage, table)
            self._published[stage] = frozenset(
                name for name in names if transaction_id(stage, name) in marks
            )
        return self._published[stage]

    def published_frame(self, stage: str) -> pl.DataFrame:
        """The same as a frame, to join with; batches in a run are not in it."""
        names = sorted(self.published(stage) - self.running_batches)
        return pl.DataFrame({"batch": names}, schema={"batch": pl.String})

    def owned(self) -> pl.DataFrame:
        """Documents that a batch does the work of: its `files` rows that are no duplicates."""
        columns = ["batch", "uri", "doc_id", "n_pages", "status"]
        work = pl.col("doc_id").is_not_null() & (pl.col("status") != "duplicate")
        return self.settled("files", columns).filter(work)

    @staticmethod
    def _schema(name: str, columns: Sequence[str]) -> pl.Schema:
        return pl.Schema({column: TABLES[name].polars[column] for column in columns})


def findings(
    frame: pl.DataFrame, kind: str, subject: str, message: str, mend: str
) -> Iterator[Finding]:
    """One finding per row; the texts are format strings over the row's columns."""
    for row in frame.iter_rows(named=True):
        yield Finding(kind, subject.format(**row), message.format(**row), mend.format(**row))


STAGE_OF: Final = {**{stage: stage for stage in STAGES}, "image_data": "images"}
"""The stage whose version a table's rows carry."""
AGAIN: Final = "materialise {batch} again in the Dagster UI, or: quire retry --batch {batch}"
