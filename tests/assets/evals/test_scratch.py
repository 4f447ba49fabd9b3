"""Readings for evaluations: real stages, a lake that goes, and calls that are paid once."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pymupdf
import pytest

import assets.versions
from assets.evals.base import DocumentReading
from assets.evals.scratch import BATCH, copied_documents, read_folder, summarise_copies
from assets.summaries import model
from assets.versions import stage_version
from io_managers.schemas import STAGES
from resources.errors import ErrorClass, SettingError
from resources.lake.lake import Lake
from resources.settings import Settings
from tests.crashes.in_process import InProcessWorkers
from tests.lakes import Pdf, make_lake, publish_batch
from tests.scripted_llm import Scripted
from tests.summary_stage import settings_of, short

TEXT = "The harbour office of the town tells of 40 ships. They came in spring and carried salt."


def make_pdf(path: Path, *pages: str) -> None:
    with pymupdf.open() as document:
        for text in pages:
            document.new_page(width=300, height=400).insert_textbox((30, 30, 270, 370), text)
        document.save(path)


@pytest.fixture
def workers(tmp_path: Path) -> Any:
    (tmp_path / "spool").mkdir()
    return InProcessWorkers(tmp_path / "spool")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pdfs"
    (folder / "below").mkdir(parents=True)
    make_pdf(folder / "b.pdf", TEXT, "The second page has more to say about the ships of the town.")
    make_pdf(folder / "below" / "a.pdf", "Another report, about the light of the harbour at night.")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    (folder / "cases.jsonl").write_text("")
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scratch lakes lie."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@contextmanager
def engine(scripted: Scripted) -> Iterator[Scripted]:
    with (
        mock.patch.object(model, "make_engine", return_value=scripted),
        mock.patch.object(assets.versions, "make_engine", return_value=scripted),
    ):
        yield scripted


def plain(settings: Settings, **more: Any) -> Settings:
    return replace(settings, layout=False, ocr="off", **more)


def test_a_folder_is_read_by_every_stage_and_leaves_nothing(
    folder: Path, settings: Settings, workers: Any, temporary: Path
) -> None:
    real = Lake(settings.lake)
    settings = plain(settings)
    found = read_folder(folder, settings, workers, lake=real, run_id="e1")
    assert [d.file_name for d in found.documents] == ["a.pdf", "b.pdf", "broken.pdf"]
    _, report, broken = found.documents
    assert [page.page_number for page in report.pages] == [1, 2]
    assert TEXT.split(".", maxsplit=1)[0] in " ".join(report.pages[0].text.split())
    assert report.pages[0].source == "text_layer"
    assert "40 ships" in report.markdown.replace("\n", " ")
    assert (report.status, report.summary_status) == ("ok", "ok")
    assert report.summary
    assert (broken.status, broken.error_class, broken.pages) == ("failed", "corrupt", ())
    assert found.versions == {stage: stage_version(stage, settings).name for stage in STAGES}
    assert set(found.seconds) == set(STAGES)
    assert found.cost_usd == 0.0
    assert not Path(settings.lake).exists()
    assert not list(temporary.iterdir())


def test_fewer_stages_read_faster_and_none_is_skipped(
    folder: Path, settings: Settings, workers: Any
) -> None:
    stages = ("files", "pages")
    found = read_folder(folder, plain(settings), workers, lake=None, run_id="e1", stages=stages)
    assert set(found.versions) == set(stages)
    assert [d.status for d in found.documents] == ["ok", "ok", "failed"]
    assert {d.summary_status for d in found.documents} == {None}
    assert found.documents[1].pages[0].text
    with pytest.raises(SettingError, match="first on"):
        read_folder(folder, plain(settings), workers, lake=None, run_id="e", stages=("pages",))


def test_models_are_paid_by_the_real_lake_and_once(
    folder: Path, tmp_path: Path, workers: Any
) -> None:
    settings = plain(settings_of(tmp_path / "lake"))
    real = Lake(settings.lake)
    with engine(Scripted()) as first:
        found = read_folder(folder, settings, workers, lake=real, run_id="e1")
    assert len(first.asked) == 2
    assert found.cost_usd == pytest.approx(0.002)
    usage = real.read("usage")
    settled = usage.filter(pl.col("kind") == "settled")
    assert settled["cost_usd"].sum() == pytest.approx(0.002)
    assert set(usage["batch"]) == {BATCH}
    assert set(usage["run_id"]) == {"e1"}
    assert real.read("completions").height == 2
    assert real.read("summaries").is_empty()
    assert real.read("versions").is_empty()
    with engine(Scripted()) as second:
        again = read_folder(folder, settings, workers, lake=real, run_id="e2")
    assert second.asked == []
    assert again.cost_usd == 0.0
    assert [d.summary for d in again.documents] == [d.summary for d in found.documents]


def test_a_spent_budget_stops_an_evaluation_too(folder: Path, tmp_path: Path, workers: Any) -> None:
    settings = plain(settings_of(tmp_path / "lake", budget_tokens="1"))
    real = Lake(settings.lake)
    with engine(Scripted()) as asked:
        found = read_folder(folder, settings, workers, lake=real, run_id="e1")
    assert asked.asked == []
    assert [d.summary_status for d in found.documents] == ["blocked", "blocked", "failed"]
    assert not real.names("_quire/refused")


def test_copies_are_summarised_without_reading_a_page(tmp_path: Path, workers: Any) -> None:
    settings = settings_of(tmp_path / "lake")
    lake = make_lake(tmp_path / "lake")
    pdfs = [
        short(1),
        short(2),
        Pdf("copy.pdf", content="d1.pdf"),
        Pdf("no.pdf", file_error="corrupt"),
    ]
    publish_batch(lake, "b00000001", pdfs)
    wanted = [pdfs[1].doc_id, pdfs[3].doc_id, uuid.uuid4().hex]
    documents = copied_documents(lake, wanted)
    assert [d.file_name for d in documents] == ["d2.pdf", "no.pdf"]
    with engine(Scripted()) as asked:
        found = summarise_copies(documents, settings, workers, lake=lake, run_id="e1")
    assert len(asked.asked) == 1
    assert list(found.versions) == ["summaries"]
    good, failed = found.documents
    assert "town 2" in (good.summary or "")
    assert (failed.summary_status, failed.summary) == ("failed", None)
    assert (
        lake.read("summaries").filter(pl.col("version") == found.versions["summaries"]).is_empty()
    )
    with engine(Scripted()) as again:
        summarise_copies(found.documents, settings, workers, lake=lake, run_id="e2")
    assert again.asked == []


def test_a_summary_that_failed_once_does_not_fail_the_copy(tmp_path: Path, workers: Any) -> None:
    lake = make_lake(tmp_path / "lake")
    before = DocumentReading(
        "a" * 64, "a.pdf", "file:///a.pdf", "ok", None, short(1).body, summary_status="failed",
        error_class="summary_failed",
    )  # fmt: skip
    settings = settings_of(tmp_path / "lake")
    with engine(Scripted(faults={"harbour": ErrorClass.REFUSED})):
        bad = summarise_copies([before], settings, workers, lake=lake, run_id="e1")
    assert bad.documents[0].summary_status == "failed"
    assert bad.documents[0].error_class
    with engine(Scripted()):
        good = summarise_copies(bad.documents, settings, workers, lake=lake, run_id="e2")
    assert (good.documents[0].summary_status, good.documents[0].error_class) == ("ok", None)
