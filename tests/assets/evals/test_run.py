"""An evaluation run as a whole: real stages, real tables, real verdicts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

import assets.evals.run
from assets.evals.base import is_rejected, undecided
from assets.evals.judge_stages import RUINED_UNITS
from assets.evals.kept import all_runs, read_readings, read_report, read_results
from assets.evals.reporting import worst_of
from assets.summaries import version as summaries_version
from io_managers.schemas import STAGES
from io_managers.versions import decide
from resources.crash_points import EVAL_POINTS
from resources.errors import EngineError
from tests.assets.evals.damage import drop_lines
from tests.assets.evals.evaluating import (
    DOCUMENTS,
    PAGES,
    Place,
    engine,
    make_golden,
    make_place,
    make_report,
    page_text,
    reading,
    revision_of_pages,
)
from tests.crashes.in_process import Killed, ingest, killed_at
from tests.scripted_llm import Scripted
from tests.summary_stage import short

MODEL = {"summariser": "transformers", "summary_tokens": "60"}


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_golden(tmp_path_factory.mktemp("evals") / "golden")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, golden: Path) -> Path:
    """A lake whose versions were measured."""
    root = tmp_path_factory.mktemp("measured") / "place"
    make_place(root, golden).evaluate()
    return root


@pytest.fixture
def place(tmp_path: Path, measured: Path, golden: Path) -> Place:
    """A copy of it, with workers that have done nothing."""
    made = make_place(tmp_path / "place", golden)
    shutil.copytree(measured / "lake", tmp_path / "place" / "lake")
    return made


def test_accepted_versions_are_measured_as_a_baseline_and_read_once(place: Place) -> None:
    (first,) = all_runs(place.lake)
    assert (first.verdicts, first.baselines, first.notes) == ((), {}, ())
    assert set(first.versions) == set(STAGES)
    assert first.n_cases == DOCUMENTS * (PAGES + 1)
    assert first.n_pages == DOCUMENTS * PAGES
    results = read_results(place.lake, run_id=first.run_id)
    assert {r.subject for r in results} == {"pages", "summaries"}
    assert all(r.passed for r in results if r.metric in ("cer", "summary_facts") and r.passed)
    assert sum(r.metric == "words_missing" for r in results) == DOCUMENTS * PAGES
    assert b"<html" in (read_report(place.lake, first.run_id) or b"")
    again = place.evaluate()
    assert set(place.workers.did) <= {"render_pages"}  # pictures, for the report
    assert again.run_id != first.run_id
    assert [r.value for r in read_results(place.lake, run_id=again.run_id)] == [
        r.value for r in results
    ]
    assert set(place.states().values()) == {"accepted"}
    assert place.lake.read("pages").is_empty()


def test_a_revision_that_loses_lines_is_rejected_against_what_was_kept(place: Place) -> None:
    with revision_of_pages(lambda text: drop_lines(text, every=8)):
        run = place.evaluate()
        again = place.evaluate()
    (verdict,) = run.verdicts
    assert (verdict.stage, verdict.accepted) == ("pages", False)
    assert verdict.reasons[0].startswith("text is missing")
    assert "12 of 12 pages" in verdict.reasons[0]
    assert is_rejected(run)
    assert place.states()[verdict.version] == "rejected"
    row = place.lake.read("versions").filter(pl.col("state") == "rejected")
    assert row["eval_run"].to_list() == [again.run_id]
    assert read_readings(place.lake, run.run_id, "golden-old") is not None
    pairs = worst_of(place.lake, run)
    assert len(pairs) == 10
    assert pairs[0].file_name.startswith("report-")
    assert {worse.metric for worse in pairs[0].worse} >= {"words_missing", "cer"}
    (same,) = again.verdicts
    assert same.accepted is False
    assert place.workers.did["read_pages"] == DOCUMENTS
    rows = read_results(place.lake, run_id=run.run_id)
    missing = [r for r in rows if r.metric == "words_missing"]
    assert {r.version for r in missing} == {verdict.version, verdict.baseline}


def test_a_revision_that_reads_alike_is_accepted(place: Place) -> None:
    with revision_of_pages():
        run = place.evaluate()
        nothing = place.evaluate()
    assert [v.accepted for v in run.verdicts] == [True]
    assert not is_rejected(run)
    assert place.states()[run.verdicts[0].version] == "accepted"
    assert nothing.verdicts == ()


def test_without_a_baseline_cases_decide_and_it_is_told(tmp_path: Path, golden: Path) -> None:
    place = make_place(tmp_path / "place", golden)
    from assets.evals.plan import make_plan

    make_plan(place.lake, place.settings())  # the lake's first versions, of which nothing was read
    with revision_of_pages(lambda _: "nothing like it"):
        run = place.evaluate()
    (verdict,) = run.verdicts
    assert not verdict.accepted
    assert "no baseline" in run.notes[0]
    assert any("golden case" in reason for reason in verdict.reasons)


def test_settings_that_can_be_put_back_are_read_with_both_ways(place: Place) -> None:
    run = place.evaluate(ocr="rapidocr")
    (verdict,) = run.verdicts
    assert verdict.stage == "pages"
    old = read_readings(place.lake, run.run_id, "golden-old")
    assert old is not None
    assert old.versions["pages"] == verdict.baseline
    assert verdict.comparisons


def test_summaries_are_judged_without_reading_a_page(place: Place) -> None:
    place.publish([short(n) for n in range(30)])
    with engine(Scripted()) as honest:
        good = place.evaluate(**MODEL)
    assert [v.stage for v in good.verdicts] == ["summaries"]
    assert good.verdicts[0].accepted, good.verdicts[0].reasons
    assert len(honest.asked) == DOCUMENTS + 24
    assert set(place.workers.did) <= {"summarise", "render_pages"}
    assert good.cost_usd == pytest.approx(0.001 * len(honest.asked))
    live = [r for r in read_results(place.lake, run_id=good.run_id) if r.suite == "live"]
    assert {r.subject for r in live} == {"summaries"}
    assert {r.batch for r in live} == {"b00000001"}
    assert len({r.case_id for r in live}) == 24

    def inventing(request: object) -> str:
        return '{"language": "en", "summary": "In 1717 the town of Ravensholm lost 98765 ships."}'

    with engine(Scripted(answer=inventing, model="inventing")):
        bad = place.evaluate(**MODEL)
    (verdict,) = bad.verdicts
    assert not verdict.accepted
    assert any("numbers that the source does not have" in reason for reason in verdict.reasons) or (
        any("summaries failed" in reason for reason in verdict.reasons)
    ), verdict.reasons


def test_pages_of_the_lake_are_read_from_pictures_by_both_sides(
    tmp_path: Path, golden: Path
) -> None:
    place = make_place(tmp_path / "place", golden)
    landing = tmp_path / "place" / "landing"
    landing.mkdir()
    for document in range(2):
        make_report(landing / f"own-{document}.pdf", document + 7)
    ingest(replace(place.settings(), stable_seconds=0.0, batch_linger=0.0), place.workers)
    truth = {page_text(d + 7, p) for d in range(2) for p in range(1, PAGES + 1)}
    assert set(place.lake.read("pages")["text"].str.strip_chars()) == truth

    with reading(lambda text: text or page_text(7, 1)):  # a poor engine: always the same page
        before = place.evaluate(eval_pages="8")
    live = [r for r in read_results(place.lake, run_id=before.run_id) if r.doc_id and r.page_number]
    assert {r.case_id for r in live} == {
        f"{r.doc_id}#{r.page_number}@{r.case_id.rpartition('@')[2]}" for r in live
    }
    assert len({r.case_id for r in live}) == 2 * PAGES
    assert {r.batch for r in live} == {"b00000001"}
    (landing / "own-1.pdf").unlink()
    with revision_of_pages(lambda text: text or "nothing that is there"):
        after = place.evaluate(eval_pages="8")
    assert after.notes
    assert all("left out of the sample: source_missing" in note for note in after.notes)
    (verdict,) = after.verdicts
    told = {(c.suite, c.metric): c for c in verdict.comparisons}
    missing = told["live", "words_missing"]
    assert missing.n == PAGES
    assert missing.mean > 0.95
    assert missing.baseline_mean < 1.0
    shown = [pair.file_name for pair in worst_of(place.lake, after)]
    assert "own-0.pdf" in shown
    page = (read_report(place.lake, after.run_id) or b"").decode()
    assert page.count("As it was read. ") == PAGES  # the other document's pages have no picture
    # Four pages are too few to be sure of a difference; that all of their text is gone needs none.
    assert missing.n >= RUINED_UNITS
    assert missing.level == "fail"
    assert "too few to be sure" not in missing.explanation
    assert not verdict.accepted
    assert "text is missing" in verdict.reasons[0]


def test_a_stage_is_not_rejected_for_what_comes_before_it(place: Place) -> None:
    with (
        revision_of_pages(lambda text: drop_lines(text, every=4)),
        mock.patch.object(summaries_version, "REVISION", 99),
    ):
        run = place.evaluate()
    assert [(v.stage, v.accepted) for v in run.verdicts] == [("pages", False)]
    assert undecided(run) == ("summaries",)
    assert any("summaries: not judged" in note for note in run.notes)
    assert sorted(place.states().values()).count("candidate") == 1
    # Where the accepted pages can be made, summaries are judged by what they make of those.
    with engine(Scripted()):
        both = place.evaluate(ocr="rapidocr", **MODEL)
    assert [v.stage for v in both.verdicts] == ["pages", "summaries"]
    assert both.verdicts[1].accepted


@pytest.mark.parametrize("point", EVAL_POINTS)
def test_a_run_that_is_killed_goes_on_and_neither_reads_nor_pays_twice(
    place: Place, point: str
) -> None:
    place.publish([short(n) for n in range(6)])
    with engine(Scripted()) as first, pytest.raises(Killed), killed_at(point):
        place.evaluate(**MODEL)
    begun = place.workers.did["read_pages"]
    with engine(Scripted()) as second:
        run = place.evaluate(**MODEL)
    assert len(first.asked) + len(second.asked) == DOCUMENTS + 6
    assert place.workers.did["read_pages"] == begun == 0
    assert [v.accepted for v in run.verdicts] == [True]
    assert len(all_runs(place.lake)) == 2
    rows = place.lake.read("evals").filter(pl.col("run_id") == run.run_id)
    assert rows.height == rows.select("suite", "case_id", "metric", "subject", "version").n_unique()
    assert place.lake.get(assets.evals.run.OPEN) is None
    assert place.lake.read("usage").filter(pl.col("kind") == "settled")["cost_usd"].sum() > 0


def test_the_gate_says_what_a_verdict_does(place: Place) -> None:
    with revision_of_pages(lambda text: drop_lines(text, every=4)):
        off = place.evaluate(gate="off")
        assert is_rejected(off)
        assert place.states()[off.verdicts[0].version] == "candidate"
        warned = place.evaluate(gate="warn")
        assert is_rejected(warned)
        assert place.states()[warned.verdicts[0].version] == "accepted"


def test_a_persons_word_that_came_meanwhile_stands(place: Place) -> None:
    judged = assets.evals.run._judged

    def meanwhile(*arguments: object) -> object:
        run = judged(*arguments)  # type: ignore[arg-type]
        decide(place.lake, "pages", run.versions["pages"], "accepted", None)
        return run

    with (
        revision_of_pages(lambda text: drop_lines(text, every=4)),
        mock.patch.object(assets.evals.run, "_judged", meanwhile),
    ):
        run = place.evaluate()
    assert is_rejected(run)
    assert place.states()[run.versions["pages"]] == "accepted"


def test_a_spent_budget_decides_nothing(place: Place) -> None:
    with engine(Scripted()), pytest.raises(EngineError, match="QUIRE_BUDGET_TOKENS"):
        place.evaluate(**MODEL, budget_tokens="1")
    assert "candidate" in place.states().values()
    with engine(Scripted()):
        run = place.evaluate(**MODEL)
    assert run.verdicts[0].accepted


def test_a_report_that_cannot_be_made_keeps_no_verdict_back(place: Place) -> None:
    with (
        revision_of_pages(),
        mock.patch("assets.evals.reporting.render", side_effect=ZeroDivisionError("no width")),
    ):
        run = place.evaluate()
    assert run.notes == ("no report could be made: ZeroDivisionError: no width",)
    assert place.states()[run.verdicts[0].version] == "accepted"
    assert read_report(place.lake, run.run_id) is None
