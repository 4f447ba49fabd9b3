"""A batch is measured: cheaply, once, and without touching what the stages published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl
import pytest

from assets.context import StageContext
from assets.evals import alone, live
from assets.evals.base import Limits
from assets.evals.build import build_evals
from assets.evals.checks import run_checks
from assets.evals.history import History
from io_managers.evals import eval_rows
from io_managers.versions import StageVersion, register
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress, Step
from resources.workers.pool import Task
from resources.workers.shared import shared_pool
from tests.assets.evals.real_pages import BATCH, english, german, lake_of, make
from tests.lakes import MIXED, Pdf, make_lake, publish_batch, rewrite, set_where

CLEAN = (
    "The keeper wrote down the weather of each day in a book that was bound in green cloth, "
    "and on most days he had little to tell of but wind and a few clouds in the evening."
)


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """Settings by which nothing is graded."""
    return replace(settings, eval_share=0.0)


def context(lake: Lake, settings: Settings, batch: str = BATCH, **more: Any) -> StageContext:
    return StageContext(lake, settings, shared_pool(settings), batch, "run", **more)


def pdfs(n: int, body: str = CLEAN, pages: int = 10) -> list[Pdf]:
    return [
        Pdf(f"{i}-{crc32(body.encode())}.pdf", pages=pages, title=f"{i}", body=body)
        for i in range(n)
    ]


def test_a_batch_has_a_mean_for_each_metric_and_rows_of_its_own_only_where_needed(
    tmp_path: Path, quiet: Settings
) -> None:
    lake = make_lake(tmp_path / "lake")
    garbled = Pdf("bad.pdf", pages=2, body="\ufffd\ufffd \ufffd\ufffd\ufffd " * 30)
    publish_batch(lake, BATCH, [*pdfs(3), garbled])
    measured = build_evals(context(lake, quiet))
    assert (measured.n_pages, measured.n_summaries, measured.n_graded) == (32, 4, 0)
    rows = eval_rows(lake, run_id=measured.run_id)
    assert rows.height == measured.n_rows
    means = rows.filter(pl.col("case_id") == "batch")
    assert set(means["metric"]) >= {"garbage", "unknown_words", "failed_page", "failed_summary"}
    assert means["doc_id"].null_count() == means.height
    single = rows.filter((pl.col("case_id") != "batch") & (pl.col("metric") == "garbage"))
    assert set(single["doc_id"]) == {garbled.doc_id}
    assert single["passed"].to_list() == [False, False]
    assert set(rows["version"]) == {"pages-r1-test-" + v for v in _hashes(rows, "pages")} | {
        "summaries-r1-test-" + v for v in _hashes(rows, "summaries")
    }


def _hashes(rows: pl.DataFrame, stage: str) -> list[str]:
    own = rows.filter(pl.col("subject") == stage)["version"].unique()
    return [version.rpartition("-")[2] for version in own]


def test_nothing_is_written_again_when_nothing_changed(tmp_path: Path, quiet: Settings) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, MIXED)
    first = build_evals(context(lake, quiet))
    before = {name: _version(lake, name) for name in ("evals", "pages", "summaries", "failures")}
    again = build_evals(context(lake, quiet))
    assert (again.run_id, again.unchanged, again.n_rows) == (first.run_id, True, 0)
    assert again.means == first.means
    assert {name: _version(lake, name) for name in before} == before


def _version(lake: Lake, table: str) -> int:
    handle = lake.open(table)
    return -1 if handle is None else handle.version()


def test_an_empty_batch_is_measured_too(tmp_path: Path, quiet: Settings) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, [Pdf("gone.pdf", missing=True)])
    measured = build_evals(context(lake, quiet))
    assert (measured.n_pages, measured.means, measured.n_rows) == (0, (), 0)
    assert all(check.passed for check in run_checks(measured, History.read(lake, BATCH), Limits()))


def test_how_far_it_has_come_is_reported(tmp_path: Path, quiet: Settings) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, pdfs(2))
    steps: list[Step] = []
    build_evals(context(lake, quiet, progress=Progress(steps.append)))
    assert steps[-1] == Step("evals", BATCH, 22, 22)


def test_a_new_version_is_compared_with_the_one_before_page_by_page(
    tmp_path: Path, quiet: Settings
) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, pdfs(3))
    build_evals(context(lake, quiet))
    second = StageVersion("pages", 2, "test", {})
    register(lake, second, "off")
    worse = pl.col("page_number") <= 8
    rewrite(lake, "pages", set_where("text", CLEAN[:60] + "\ufffd" * 20, worse))
    rewrite(lake, "pages", set_where("version", second.name, pl.lit(value=True)))
    _touch(lake, "pages")
    measured = build_evals(context(lake, quiet))
    assert not measured.unchanged
    assert [v.startswith("pages-r1-") for v in measured.compared_with] == [True]
    (check,) = [c for c in _checks(measured, lake) if c.name == "not_worse_than_before"]
    assert check.level == "fail"
    assert "more characters are no text" in check.description
    assert "24 of 30 pages" in check.description
    assert len(live.kept(lake, BATCH)) == 2
    # Measured again, it is still compared with the version before.
    again = build_evals(context(lake, quiet))
    assert again.unchanged
    assert again.comparisons == measured.comparisons


def _touch(lake: Lake, stage: str) -> None:
    """Publish a stage's rows again, as a run that changed them would have."""
    from io_managers.publish import claim_epoch, publish_staged
    from io_managers.staging import Staged, stage_file

    rows = lake.read(stage, batch=BATCH)
    file = stage_file(lake, stage, rows, {"batch": BATCH})
    epoch = claim_epoch(lake, stage, BATCH)
    publish_staged(lake, Staged(stage, BATCH, rows["version"][0], epoch, {stage: (file,)}))


def _checks(measured: Any, lake: Lake) -> list[Any]:
    return run_checks(measured, History.read(lake, measured.batch), Limits())


def test_a_batch_that_is_worse_than_those_before_is_told_of(
    tmp_path: Path, quiet: Settings
) -> None:
    lake = make_lake(tmp_path / "lake")
    for number in range(12):
        name = f"b{number + 1:08d}"
        publish_batch(lake, name, pdfs(3, f"{CLEAN} It was day {number}."))
        measured = build_evals(context(lake, quiet, name))
        assert all(check.passed for check in _checks(measured, lake)), name
    publish_batch(lake, "b00000099", pdfs(3, CLEAN + " \ufffd\ufffd\ufffd\ufffd\ufffd"))
    checks = {c.name: c for c in _checks(build_evals(context(lake, quiet, "b00000099")), lake)}
    clean = checks["text_is_clean"]
    assert clean.level == "fail"
    assert "more characters are no text" in clean.description
    assert "the 12 batches before it" in clean.description
    assert "confidence 92" in clean.description
    assert "pages-r1-test-" in clean.description
    assert clean.metadata["garbage_history"] == 12
    assert checks["summaries_are_supported"].passed


def test_no_page_is_read_when_none_is_sampled(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, [Pdf("a.pdf", pages=2, body=CLEAN)])
    pool = shared_pool(settings)
    asked: list[str] = []
    run = pool.run
    monkeypatch.setattr(pool, "run", lambda tasks: run(_noted(tasks, asked)))
    measured = build_evals(context(lake, replace(settings, gate="off")))
    assert (measured.n_graded, set(asked)) == (0, {"assets.evals.alone_work:measure"})


def test_what_did_not_change_is_not_measured_again(
    tmp_path: Path, quiet: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, pdfs(3))
    first = build_evals(context(lake, quiet))
    publish_batch(lake, BATCH, pdfs(4))
    pool = shared_pool(quiet)
    measured: list[Task] = []
    run = pool.run
    monkeypatch.setattr(pool, "run", lambda tasks: run(_taken(tasks, measured)))
    again = build_evals(context(lake, quiet))
    items = [item for task in measured for item in task.payload["items"]]
    assert [item["subject"] for item in items] == ["pages"] * 10 + ["summaries"]
    assert len({item["doc_id"] for item in items}) == 1
    assert (again.run_id != first.run_id, again.n_pages, again.n_summaries) == (True, 40, 4)
    fresh = make_lake(tmp_path / "fresh")
    publish_batch(fresh, BATCH, pdfs(4))
    assert build_evals(context(fresh, quiet)).means == again.means


def _taken(tasks: Iterable[Task], taken: list[Task]) -> Iterator[Task]:
    for task in tasks:
        taken.append(task)
        yield task


def _noted(tasks: Iterable[Task], asked: list[str]) -> Iterator[Task]:
    for task in tasks:
        asked.append(task.function)
        yield task


def test_a_text_that_ends_its_worker_costs_its_own_page(
    tmp_path: Path, quiet: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, [Pdf("a.pdf", pages=3, body=CLEAN)])
    monkeypatch.setattr(alone, "_MEASURE", "tests.assets.evals.deadly:measure")
    measured = build_evals(context(lake, quiet))
    ((case, reason),) = measured.left_out.items()
    assert case.endswith("#2")
    assert reason.startswith("crash")
    assert (measured.n_pages, measured.n_summaries) == (2, 1)


def test_a_share_of_the_pages_grades_the_engine(tmp_path: Path, settings: Settings) -> None:
    path = make(tmp_path / "two.pdf", [english, german])
    gone = make(tmp_path / "gone.pdf", [english])
    lake = lake_of(tmp_path / "lake", {BATCH: [path, gone]})
    gone.unlink()
    chosen = replace(settings, eval_share=1.0, gate="off")
    measured = build_evals(context(lake, chosen))
    assert measured.n_graded == 2
    (reason,) = measured.left_out.values()
    assert reason.startswith("source_missing")
    rows = eval_rows(lake, run_id=measured.run_id).filter(pl.col("metric") == "cer")
    pictures = rows.filter(pl.col("doc_id").is_not_null())
    assert pictures.height == 2
    assert pictures["value"].max() < 0.05  # type: ignore[operator]
    assert set(pictures["version"]) == set(rows["version"])
    assert all(v.startswith("pages-r") and "rapidocr" in v for v in rows["version"])
    assert all("@" in case for case in rows["case_id"])
    check = {c.name: c for c in _checks(measured, lake)}["ocr_agrees_with_text_layer"]
    assert check.passed
    assert "50 are needed to tell" in check.description
    assert build_evals(context(lake, chosen)).unchanged
    for name in lake.names(f"{live.FOLDER}/{BATCH}"):  # as after a kill before they were kept
        lake.delete(f"{live.FOLDER}/{BATCH}/{name}")
    path.unlink()  # its picture was read before, and cannot be made again
    again = build_evals(context(lake, chosen))
    assert (again.unchanged, again.n_graded) == (False, 2)
    graded = [mean for mean in again.means if mean.degradation is not None]
    assert graded == [mean for mean in measured.means if mean.degradation is not None]


def test_while_no_version_may_be_used_here_the_rest_is_measured(
    tmp_path: Path, settings: Settings
) -> None:
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, pdfs(2))
    measured = build_evals(context(lake, replace(settings, eval_share=1.0)))
    assert (measured.n_pages, measured.n_graded) == (20, 0)
    assert "not accepted" in measured.why_not_graded
    check = {c.name: c for c in _checks(measured, lake)}["ocr_agrees_with_text_layer"]
    assert check.description.startswith("nothing graded: pages: version")
