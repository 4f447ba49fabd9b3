"""Failures of one stage in one batch: what earlier runs left, and what this run charges.

Here: whose fault counts how often. Not here: which class means what (`resources/errors.py`), or the
commit (`publish.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from io_managers.ends import is_out_of_memory
from io_managers.versions import StageVersion
from resources.errors import NOT_CHARGED, is_quarantined
from resources.lake.lake import Lake

_WHOLE_DOCUMENT: Final = -1


@dataclass(frozen=True)
class Subject:
    """What a failure is about: a document (or a file that could not be read), maybe one page."""

    doc_id: str | None
    uri: str | None
    page_number: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Identity within a stage: the document, else the file; the page, else the whole."""
        return (
            self.doc_id or self.uri or "",
            _WHOLE_DOCUMENT if self.page_number is None else self.page_number,
        )


class FailureLedger:
    """The failures that a run will publish: those that stay, and its own."""

    def __init__(self, lake: Lake, version: StageVersion, batch: str, run_id: str) -> None:
        """Read what is published of this stage and batch."""
        self.version = version
        self.batch = batch
        self.run_id = run_id
        self.now = datetime.now(UTC)
        stage = pl.col("stage") == version.stage
        self._published = lake.read("failures", batch=batch).filter(stage).to_dicts()
        ours = [row for row in self._published if row["version"] == version.name]
        self._earlier = {_key(row): row for row in ours}
        self._present: dict[tuple[str, int], dict[str, Any]] = {}
        self._fresh: list[dict[str, Any]] = []
        self._charged: set[tuple[str, int]] = set()
        self.always: Collection[str] = ()

    @property
    def of_other_versions(self) -> bool:
        """Whether failures of another version are published, which this run's replace."""
        return len(self._earlier) < len(self._published)

    def given_up(self, unit: str) -> dict[tuple[str, int | None], str | None]:
        """What is in quarantine, with the `input_sha256` that it failed on."""
        rows = (row for row in self._earlier.values() if row["quarantined"])
        return {(row[unit], row["page_number"]): row["input_sha256"] for row in rows}

    def charged(self, unit: str) -> dict[tuple[str, int | None], dict[str, Any]]:
        """Failures of this run, and of the one that it goes on from."""
        rows = (self._present[key] for key in self._charged)
        return {(row[unit], row["page_number"]): row for row in rows}

    def note_standing(self, unit: str, versions: Mapping[tuple[Any, ...], str]) -> None:
        """Say in the failures of these subjects that older rows stand in their place."""
        for key in self._charged:
            row = self._present[key]
            whole = row["page_number"] is None
            found = (
                next((v for k, v in versions.items() if k[0] == row[unit]), None)
                if whole
                else versions.get((row[unit], row["page_number"]))
            )
            if found is not None:
                error = f"{row['error']}; the rows that {found} made of it stay"
                self._present[key] = {**row, "error": error}

    def earlier_subjects(self, unit: str, *, quarantined: bool) -> set[tuple[str, int | None]]:
        """Documents (or uris) and pages that failed before, given up or not."""
        rows = self._earlier.values()
        return {(r[unit], r["page_number"]) for r in rows if r["quarantined"] == quarantined}

    def too_large_for_a_pod(self) -> set[str]:
        """Documents (or uris) that killed a pod of the largest memory class, and may be tried."""
        rows = (row for row in self._earlier.values() if is_out_of_memory(row))
        return {row["doc_id"] or row["uri"] or "" for row in rows}

    def about_others(self, unit: str, documents: Collection[str]) -> bool:
        """Whether a failure is about none of these: its document is another batch's by now."""
        return any(row[unit] not in documents for row in self._earlier.values())

    def keep(
        self, unit: str, documents: Collection[str], pages: Collection[tuple[str, int]] | None
    ) -> None:
        """Failures in quarantine stay with the rows that they account for.

        Args:
            unit: The column that tells documents apart.
            documents: Those whose rows stay.
            pages: The single pages that stay, where pages may stay singly.
        """
        for key, row in self._earlier.items():
            page = row["page_number"]
            by_page = pages is not None and page is not None
            stays = (row[unit], page) in (pages or ()) if by_page else row[unit] in documents
            if row["quarantined"] and stays:
                self._present[key] = row

    def keep_published(self, unit: str, documents: Collection[str]) -> None:
        """Every published failure of these documents stays, whatever its version."""
        for row in self._published:
            if row[unit] in documents:
                self._present.setdefault(_key(row), row)

    def take_over(self, rows: Iterable[dict[str, Any]]) -> None:
        """Failures that a run before this one charged, and could not publish."""
        taken = {_key(row): {**row, "input_sha256": row.get("input_sha256")} for row in rows}
        self._present |= taken
        self._charged |= taken.keys()

    def drop(self, unit: str, documents: Collection[str]) -> None:
        """Forget what was charged to these documents."""
        kept = {key: row for key, row in self._present.items() if row[unit] not in documents}
        self._present = kept
        self._charged &= kept.keys()

    def charge(
        self, subject: Subject, error_class: str, error: str, input_sha256: str | None = None
    ) -> None:
        """Record a failure and charge an attempt: once a run, never when interrupted.

        One that this version makes every time (`always`) goes to quarantine at once.
        """
        earlier = self._earlier.get(subject.key)
        attempts = int(earlier["attempts"]) if earlier else 0
        again = earlier is not None and earlier["run_id"] == self.run_id
        if error_class not in NOT_CHARGED and not again:
            attempts += 1
        row = {
            "batch": self.batch,
            "doc_id": subject.doc_id,
            "uri": subject.uri,
            "page_number": subject.page_number,
            "stage": self.version.stage,
            "version": self.version.name,
            "error_class": str(error_class),
            "error": error,
            "attempts": attempts,
            "quarantined": error_class in self.always or is_quarantined(error_class, attempts),
            "first_seen_at": earlier["first_seen_at"] if earlier else self.now,
            "last_seen_at": self.now,
            "run_id": self.run_id,
            "input_sha256": input_sha256,
        }
        self._present[subject.key] = row
        self._charged.add(subject.key)
        self._fresh.append(row)

    def take_fresh(self) -> tuple[dict[str, Any], ...]:
        """What was charged since this was last asked."""
        fresh = tuple(self._fresh)
        self._fresh.clear()
        return fresh

    def rows(self) -> tuple[dict[str, Any], ...]:
        """The failures to publish."""
        return tuple(self._present[key] for key in sorted(self._present))

    def cleared(self) -> tuple[dict[str, Any], ...]:
        """Earlier failures that are mended."""
        return tuple(row for key, row in self._earlier.items() if key not in self._present)


def _key(row: Mapping[str, Any]) -> tuple[str, int]:
    return Subject(row["doc_id"], row["uri"], row["page_number"]).key
