"""What is kept of a batch's measures, and which pages two versions are compared on."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evals import live
from assets.evals.base import Measure
from assets.evals.live import LIMITS, WORST, Collected
from resources.lake.lake import Lake

BATCH = "b00000001"


def collected(values: list[float], version: str = "pages-r1-a-0", metric: str = "cer") -> Collected:
    found = Collected(BATCH)
    for page, value in enumerate(values, 1):
        found.add("pages", version, "d" * 64, page, [Measure(metric, value, f"page {page}")])
    return found


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_table_gets_the_mean_and_the_worst_over_the_limit(values: list[float]) -> None:
    rows = list(collected(values).results())
    (mean,) = [row for row in rows if row.case_id == "batch"]
    assert abs(mean.value - sum(values) / len(values)) < 1e-9
    assert mean.explanation == f"the mean of {len(values)} pages"
    assert (mean.passed is None) == (len(values) < live.MIN_UNITS)
    over = sorted((v for v in values if v > LIMITS["cer"]), reverse=True)
    single = [row for row in rows if row.case_id != "batch"]
    assert [row.value for row in single] == over[:WORST]
    assert all(row.explanation == f"page {row.page_number}" for row in single)


def test_every_picture_that_was_read_has_its_rows() -> None:
    found = Collected(BATCH)
    found.add("pages", "v", "d", 3, [Measure("cer", 0.0), Measure("order", 0.5)], "degraded")
    rows = {(row.case_id, row.metric): row for row in found.results()}
    assert rows["d#3@degraded", "cer"].passed is True
    assert rows["d#3@degraded", "order"].passed is False
    assert rows["batch@degraded", "cer"].passed is None
    names = [mean.name for mean in live.means(found.frame())]
    assert sorted(names) == ["cer_degraded", "order_degraded"]


def test_a_metric_of_both_subjects_is_plotted_under_two_names() -> None:
    found = collected([0.1], metric="repetition")
    found.add("summaries", "s", "d", None, [Measure("repetition", 0.2)])
    means = {mean.name: mean.value for mean in live.means(found.frame())}
    assert means == {"repetition": 0.1, "summaries_repetition": 0.2}


def test_the_last_sets_of_versions_are_kept_and_the_newest_comes_first(lake: Lake) -> None:
    assert live.kept(lake, BATCH) == []
    for number in range(live.KEPT + 2):
        live.keep(lake, BATCH, collected([number / 10], f"v{number}").frame())
        live.keep(lake, BATCH, collected([number / 5], f"v{number}").frame())
    sets = live.kept(lake, BATCH)
    assert [s["version"][0] for s in sets] == ["v4", "v3", "v2"]
    assert sets[0]["value"].to_list() == [0.8]
    assert sets[0].schema == collected([0.0]).frame().schema


def test_only_what_both_have_and_another_version_made_is_compared() -> None:
    old, new = collected([0.1, 0.2, 0.3], "v1"), collected([0.4, 0.5], "v2")
    new.add("pages", "v1", "d" * 64, 3, [Measure("cer", 0.3)])  # carried over
    new.add("pages", "v2", "e" * 64, 1, [Measure("cer", 0.3)])  # was not there before
    before, after = live.paired(BATCH, "pages", old.frame(), new.frame())
    assert [(r.case_id[-2:], r.version, r.value) for r in before] == [
        ("#1", "v1", 0.1),
        ("#2", "v1", 0.2),
    ]
    assert [r.value for r in after] == [0.4, 0.5]
    assert live.paired(BATCH, "summaries", old.frame(), new.frame()) == ([], [])
    assert live.paired(BATCH, "pages", old.frame(), old.frame()) == ([], [])


def test_a_thousand_pages_are_no_more_than_are_compared() -> None:
    n = live.MAX_PAIRS + 10
    old, new = (collected([0.0] * n, v).frame() for v in ("v1", "v2"))
    before, after = live.paired(BATCH, "pages", old, new)
    assert len(before) == len(after) == live.MAX_PAIRS
    assert {r.case_id for r in before} == {r.case_id for r in after}
    again, _ = live.paired(BATCH, "pages", old.sample(n, shuffle=True), new)
    assert {r.case_id for r in again} == {r.case_id for r in before}


def test_measures_of_nothing_are_a_frame_too() -> None:
    assert Collected(BATCH).frame().is_empty()
    assert list(Collected(BATCH).results()) == []
    assert isinstance(Collected(BATCH).frame(), pl.DataFrame)
