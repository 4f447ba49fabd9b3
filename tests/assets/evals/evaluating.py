"""A small place to evaluate in: a golden set of born-digital pages, and versions that differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pymupdf

import assets.pages.read
import assets.pages.version
import assets.versions
from assets.evals.base import EvalRun
from assets.evals.run import evaluate
from assets.summaries import model
from io_managers.schemas import STAGES
from io_managers.versions import accepted_version, decide
from resources.lake.lake import Lake
from resources.settings import Settings, load_settings
from resources.workers.tasks import Task, TaskResult
from tests.crashes.in_process import InProcessWorkers
from tests.lakes import Pdf, publish_batch, rewrite
from tests.lakes import version as old_version
from tests.scripted_llm import Scripted

DOCUMENTS, PAGES = 3, 4
_Damage = Callable[[str], str]


def page_text(document: int, page: int) -> str:
    """The true text of a page: 16 lines, no two alike in the golden set."""
    lines = []
    for line in range(16):
        number = 1000 + document * 200 + page * 20 + line
        lines.append(f"In the year {number} the harbour of town {document} saw {number * 3} ships.")
    return "\n".join(lines)


def make_report(path: Path, document: int) -> None:
    """A PDF of `PAGES` pages of text."""
    with pymupdf.open() as made:
        for page in range(1, PAGES + 1):
            text = page_text(document, page)
            made.new_page(width=400, height=400).insert_text((20, 30), text, fontsize=9)
        made.save(path)


def make_golden(folder: Path) -> Path:
    """PDFs of one text layer each, and a case for every page and every summary."""
    folder.mkdir()
    cases: list[dict[str, Any]] = []
    for document in range(DOCUMENTS):
        name = f"report-{document}.pdf"
        make_report(folder / name, document)
        for page in range(1, PAGES + 1):
            cases.append(  # noqa: PERF401 - a line of the file each
                {"id": f"d{document}-p{page}", "pdf": name, "page": page, "kind": "page_text",
                 "text": page_text(document, page), "tolerance": 0.9}
            )  # fmt: skip
        cases.append(
            {"id": f"d{document}-facts", "pdf": name, "kind": "summary_facts",
             "mention": [f"town {document}"]}
        )  # fmt: skip
    (folder / "cases.jsonl").write_text("\n".join(json.dumps(case) for case in cases))
    return folder


class Workers(InProcessWorkers):
    """They note what they do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.did: Counter[str] = Counter()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        def noted() -> Iterator[Task]:
            for task in tasks:
                self.did[task.function.rpartition(":")[2]] += 1
                yield task

        return super().run(noted())


@dataclass
class Place:
    """A lake, a golden set, and workers that count their tasks."""

    root: Path
    workers: Workers
    golden: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    def settings(self, **more: str) -> Settings:
        given = {
            "lake": str(self.root / "lake"),
            "landing": str(self.root / "landing"),
            "golden": str(self.golden),
            "layout": "off",
            "ocr": "off",
            "workers": "1",
        }
        return load_settings({}, self.root, {**given, **more})

    def evaluate(self, **more: str) -> EvalRun:
        workers: Any = self.workers
        return evaluate(self.lake, self.settings(**more), workers)

    def publish(self, pdfs: Sequence[Pdf]) -> None:
        """Documents of one batch, as a version long gone made their rows."""
        current = {stage: accepted_version(self.lake, stage) for stage in STAGES}
        for stage in STAGES:
            decide(self.lake, stage, old_version(stage), "accepted", None)
        publish_batch(self.lake, "b00000001", pdfs)
        rewrite(self.lake, "docs", lambda rows: rows.with_columns(n_tokens=pl.lit(100)))
        for stage, version in current.items():
            assert version is not None
            decide(self.lake, stage, version, "accepted", None)

    def states(self) -> dict[str, str]:
        """The state of every version."""
        rows = self.lake.read("versions", ["version", "state"])
        return dict(rows.iter_rows())


def make_place(root: Path, golden: Path) -> Place:
    (root / "spool").mkdir(parents=True)
    return Place(root, Workers(root / "spool"), golden)


@contextmanager
def revision_of_pages(damage: _Damage = str) -> Iterator[None]:
    """A newer revision of `pages`, of which nothing can make the one before; it may do damage."""
    with mock.patch.object(assets.pages.version, "REVISION", 99), reading(damage):
        yield


@contextmanager
def reading(damage: _Damage) -> Iterator[None]:
    """Pages whose text is changed after they were read; that of a picture is empty, without OCR."""
    read = assets.pages.read.read_pages

    def damaged(payload: Any, progress: Any) -> Iterator[Any]:
        for row, blob in read(payload, progress):
            yield {**row, "text": damage(row["text"] or "")}, blob

    with mock.patch.object(assets.pages.read, "read_pages", damaged):
        yield


@contextmanager
def engine(scripted: Scripted) -> Iterator[Scripted]:
    """A model that is asked in place of the configured one."""
    with (
        mock.patch.object(model, "make_engine", return_value=scripted),
        mock.patch.object(assets.versions, "make_engine", return_value=scripted),
    ):
        yield scripted
