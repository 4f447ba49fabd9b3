"""The canary: rows before an upgrade against rows after it, and what stops the upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from assets.evals.base import Limits
from assets.evals.canary import CanaryDiff, compare
from assets.evals.canary_report import keep_canary_report
from assets.evals.report.content import Pictures
from assets.evals.report.worst import PagePair
from io_managers.publish import claim_epoch, publish_staged
from io_managers.staging import Staged, stage_file
from io_managers.versions import StageVersion, register
from resources.lake.lake import Lake
from resources.lake.upgrades import Change, Upgrade, begin, record
from tests.lakes import make_lake, publish_batch, version
from tests.upgrades.making import name_of, pdf

BATCHES = (name_of(1), name_of(2))
SUMMARIES = StageVersion("summaries", 2, "test", {})
PAGES = StageVersion("pages", 2, "test", {})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    for number, batch in enumerate(BATCHES, 1):
        publish_batch(lake, batch, [pdf(number, k) for k in range(15)])
    return lake


def upgraded(lake: Lake, new: StageVersion, change: pl.Expr) -> tuple[Upgrade, CanaryDiff]:
    """Publish a stage of the canary anew with changed columns, and compare."""
    stage = new.stage
    register(lake, new, "off")
    begun = begin(lake, (Change(stage, version(stage).name, new.name),), 2)
    upgrade = record(lake, replace(begun, state="canary", canary=BATCHES))
    assert upgrade is not None
    for batch in BATCHES:
        rows = lake.read(stage, batch=batch).with_columns(change, version=pl.lit(new.name))
        file = stage_file(lake, stage, rows, {"batch": batch})
        epoch = claim_epoch(lake, stage, batch)
        publish_staged(lake, Staged(stage, batch, new.name, epoch, {stage: (file,)}))
    return upgrade, compare(lake, upgrade, Limits())


def test_rows_that_did_not_change_are_no_regression(lake: Lake) -> None:
    upgrade, found = upgraded(lake, SUMMARIES, pl.col("summary"))
    (diff,) = found.stages
    assert (diff.stage, diff.before, diff.after, diff.changed) == ("summaries", 30, 30, 0)
    assert diff.similarity is None
    assert found.regressions == []
    assert found.as_dict()["n_documents"] == 30
    assert upgrade.stages == ("summaries",)


def test_summaries_that_fail_stop_it_and_the_report_says_so(lake: Lake) -> None:
    failed = pl.lit("failed").alias("status")
    upgrade, found = upgraded(lake, SUMMARIES, failed)
    assert found.stages[0].failed_after == 30
    assert any("summaries failed" in reason for reason in found.regressions)
    path, why_none = keep_canary_report(lake, upgrade, found, Limits())
    assert (path, why_none) == (f"_quire/upgrade/{upgrade.upgrade_id}/canary.html", "")
    assert path is not None
    page = (lake.get(path) or b"").decode()
    assert "more summaries failed" in page
    assert "quire upgrade --rollback" in page
    assert "<script" not in page


def test_summaries_that_invent_numbers_stop_it(lake: Lake) -> None:
    invented = (pl.col("summary") + " It cost 48,213 pounds and 977 men worked on it.").alias(
        "summary"
    )
    _, found = upgraded(lake, SUMMARIES, invented)
    assert found.stages[0].changed == 30
    assert 0 < (found.stages[0].similarity or 0) < 1
    assert any("numbers that the source does not have" in r for r in found.regressions)


def test_pages_that_became_rubbish_stop_it(lake: Lake) -> None:
    rubbish = (pl.col("text") + "\ufffd" * 60).alias("text")
    _, found = upgraded(lake, PAGES, rubbish)
    assert found.stages[0].stage == "pages"
    assert any("no text" in reason for reason in found.regressions)


def test_its_pages_have_pictures_where_they_can_be_drawn(lake: Lake) -> None:
    upgrade, found = upgraded(lake, PAGES, (pl.col("text") + " and more").alias("text"))
    asked: list[int] = []

    def draw(pairs: Sequence[PagePair]) -> Pictures:
        asked.append(len(pairs))
        return Pictures({pairs[0].key: b"\xff\xd8"}, {pair.key: "gone" for pair in pairs[1:]})

    path, _ = keep_canary_report(lake, upgrade, found, Limits(), draw)
    page = (lake.get(path or "") or b"").decode()
    assert asked == [10]
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("No picture of the page: gone") == 9
