"""A failure never replaces good rows: they stand, and what failed is tried as any other is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from io_managers import checkpoints
from io_managers.failure_ledger import Subject
from io_managers.publish import publish, publish_staged
from io_managers.schemas import TABLES
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from io_managers.versions import StageVersion
from resources.lake.batches import retryable_batches
from resources.lake.lake import Lake
from tests.io_managers.rows import doc_row

Outcome = tuple[str, str | None]
OK: Outcome = ("ok", None)
BATCH = "b1"


def version(stage: str, number: int) -> StageVersion:
    return StageVersion(stage, number, "test", {"n": str(number)})


OLD, NEW = version("pages", 1), version("pages", 2)


def page(number: int, status: str, error_class: str | None, text: str) -> dict[str, Any]:
    return {
        "doc_id": "d",
        "page_number": number,
        "input_sha256": "d",
        "status": status,
        "text": text if status != "failed" else None,
        "source": "text_layer",
        "error_class": error_class,
    }


def read_pages(
    lake: Lake,
    by: StageVersion,
    pages: Sequence[Outcome],
    run_id: str,
    *,
    dies: bool = False,
    given: str = "d",
) -> tuple[Staged, list[int]]:
    """One run over one document; `dies` ends it after its last record, before it publishes."""
    run = StageRun(lake, by, BATCH, run_id, gate="off")
    kept = set(run.carry({"d": given}, by_page=True)["page_number"])
    kept |= run.resumed.units.get("d", set())
    done = [n for n in range(1, len(pages) + 1) if n not in kept]
    for number in done:
        status, error_class = pages[number - 1]
        run.add("pages", {**page(number, status, error_class, by.name), "input_sha256": given}, 10)
        if error_class is not None:
            run.fail(Subject("d", None, number), error_class, "why")
        run.done("d", [number])
    if dies:
        return Staged("pages", BATCH, by.name, run.epoch, {}), done
    staged = run.finish()
    publish_staged(lake, staged)
    return staged, done


def found(lake: Lake) -> dict[int, tuple[str, str]]:
    rows = lake.read("pages").sort("page_number")
    return {
        row["page_number"]: (row["status"], row["version"].split("-")[1]) for row in rows.to_dicts()
    }


def failures(lake: Lake) -> list[tuple[int | None, int, bool]]:
    rows = lake.read("failures").sort("page_number")
    return rows.select("page_number", "attempts", "quarantined").rows()


def test_a_good_page_stands_while_the_newer_version_fails_on_it(lake: Lake) -> None:
    read_pages(lake, OLD, [OK, OK, OK], "r1")
    staged, _ = read_pages(lake, NEW, [OK, ("failed", "timeout"), OK], "r2")
    assert found(lake) == {1: ("ok", "r2"), 2: ("ok", "r1"), 3: ("ok", "r2")}
    assert failures(lake) == [(2, 1, False)]
    assert staged.counts["rows_kept_of_older_versions"] == 1
    assert retryable_batches(lake) == [BATCH]
    row = lake.read("failures").to_dicts()[0]
    assert row["version"] == NEW.name
    assert row["error"] == f"why; the rows that {OLD.name} made of it stay"


def test_it_is_tried_in_three_runs_and_not_for_ever(lake: Lake) -> None:
    read_pages(lake, OLD, [OK, OK], "r1")
    for number in (2, 3, 4):
        _, done = read_pages(lake, NEW, [OK, ("failed", "crash")], f"r{number}")
        assert 2 in done
        assert failures(lake) == [(2, number - 1, number == 4)]
        assert found(lake)[2] == ("ok", "r1")
    staged, done = read_pages(lake, NEW, [OK, OK], "r5")
    assert (done, staged.unchanged) == ([], True)
    assert retryable_batches(lake) == []


def test_what_can_be_read_after_all_replaces_the_old_row(lake: Lake) -> None:
    read_pages(lake, OLD, [OK, OK], "r1")
    read_pages(lake, NEW, [OK, ("failed", "memory")], "r2")
    read_pages(lake, NEW, [OK, OK], "r3")
    assert found(lake) == {1: ("ok", "r2"), 2: ("ok", "r2")}
    assert failures(lake) == []


def test_a_changed_input_is_tried_anew_after_quarantine(lake: Lake) -> None:
    read_pages(lake, OLD, [OK], "r1")
    read_pages(lake, NEW, [("failed", "page_too_large")], "r2")
    assert failures(lake) == [(1, 1, True)]
    assert read_pages(lake, NEW, [OK], "r3")[1] == []
    assert read_pages(lake, NEW, [OK], "r4", given="other")[1] == [1]
    assert found(lake) == {1: ("ok", "r2")}
    assert failures(lake) == []


def test_settings_that_are_put_back_leave_no_failure_of_the_other_version(lake: Lake) -> None:
    read_pages(lake, OLD, [OK], "r1")
    read_pages(lake, NEW, [("failed", "timeout")], "r2")
    read_pages(lake, OLD, [OK], "r3")
    assert found(lake) == {1: ("ok", "r1")}
    assert failures(lake) == []
    assert retryable_batches(lake) == []


@pytest.mark.parametrize(
    ("before", "now", "stands"),
    [
        (OK, ("failed", "timeout"), True),
        (OK, ("partial", "ocr_failed"), True),
        (OK, ("partial", "unsupported"), False),  # a verdict: what it says is so
        (("partial", "unsupported"), ("failed", "crash"), True),
        (("partial", "ocr_failed"), ("partial", "ocr_failed"), False),
        (("failed", "timeout"), ("failed", "crash"), False),
        (("failed", "timeout"), ("partial", "ocr_failed"), False),
    ],
)
def test_the_better_row_stays(lake: Lake, before: Outcome, now: Outcome, stands: bool) -> None:
    read_pages(lake, OLD, [before], "r1")
    read_pages(lake, NEW, [now], "r2")
    assert found(lake)[1] == ((before[0], "r1") if stands else (now[0], "r2"))
    assert failures(lake)[0][0] == 1


@pytest.mark.parametrize("step", [1, 3])
def test_a_killed_run_is_gone_on_with(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    read_pages(lake, OLD, [OK] * 3, "r1")
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    outcomes: list[Outcome] = [OK, ("failed", "timeout"), OK]
    read_pages(lake, NEW, outcomes[:step] if step == 1 else outcomes, "r2", dies=True)
    assert found(lake) == dict.fromkeys((1, 2, 3), ("ok", "r1"))
    staged, done = read_pages(lake, NEW, outcomes, "r3")
    assert done == ([2, 3] if step == 1 else [])
    assert staged.counts["resumed"] == step
    assert found(lake) == {1: ("ok", "r2"), 2: ("ok", "r1"), 3: ("ok", "r2")}
    assert failures(lake) == [(2, 1, False)]


# Documents ----------------------------------------------------------------------------------------


def build(
    lake: Lake, stage: str, by: int, outcomes: Mapping[str, Outcome], run_id: str, given: str = "1"
) -> list[str]:
    """A run of docs or summaries; returns the documents that were done."""
    run = StageRun(lake, version(stage, by), BATCH, run_id, gate="off")
    inputs = dict.fromkeys(outcomes, given)
    kept = set(run.carry(inputs)["doc_id"])
    done = [doc_id for doc_id in outcomes if doc_id not in kept]
    for doc_id in done:
        status, error_class = outcomes[doc_id]
        row = {"doc_id": doc_id, "input_sha256": given, "status": status}
        if stage == "docs":
            row = {**doc_row(doc_id, BATCH, f"by {by}"), **row}
        else:
            row |= {"error_class": error_class, "summary": f"by {by}", "summariser": "test"}
        run.add(stage, row, 10)
        if error_class is not None:
            run.fail(Subject(doc_id, None), error_class, "why")
    publish_staged(lake, run.finish())
    return done


@pytest.mark.parametrize("stage", ["docs", "summaries"])
def test_a_document_stands_whole(lake: Lake, stage: str) -> None:
    build(lake, stage, 1, {"a": OK, "b": OK, "c": ("failed", "crash")}, "r1")
    bad: dict[str, Outcome] = {"a": ("failed", "memory"), "b": OK, "c": ("failed", "crash")}
    for number in (2, 3, 4):
        assert "a" in build(lake, stage, 2, bad, f"r{number}")
        rows = {
            r["doc_id"]: (r["status"], r["version"].split("-")[1])
            for r in lake.read(stage).to_dicts()
        }
        assert rows == {"a": ("ok", "r1"), "b": ("ok", "r2"), "c": ("failed", "r2")}
    assert build(lake, stage, 2, bad, "r5") == []
    # The same version fails on a changed text: the summary of the old text stays.
    assert build(lake, stage, 2, {**bad, "b": ("failed", "timeout")}, "r6", given="2") == [*"abc"]
    rows = lake.read(stage).filter(pl.col("doc_id") == "b").to_dicts()
    assert [(r["status"], r["input_sha256"]) for r in rows] == [("ok", "1")]


def test_a_spent_budget_takes_no_summary_away(lake: Lake) -> None:
    build(lake, "summaries", 1, {"a": OK}, "r1")
    for number in range(5):
        build(lake, "summaries", 2, {"a": ("blocked", "budget")}, f"r{number + 2}")
        assert lake.read("summaries")["summary"].to_list() == ["by 1"]
    assert lake.read("failures").select("error_class", "attempts").rows() == [("budget", 0)]
    build(lake, "summaries", 2, {"a": OK}, "r9")
    assert lake.read("summaries")["summary"].to_list() == ["by 2"]


# Images -------------------------------------------------------------------------------------------

Placement = tuple[int, int, Outcome, str | None]
"""Page, number on it, what came of it, and the name of its bytes."""


def extract(
    lake: Lake, by: int, placements: Iterable[Placement], run_id: str, refused: Sequence[int] = ()
) -> bool:
    """A run of images over one document, as its stage does it; whether there was work."""
    run = StageRun(lake, version("images", by), BATCH, run_id, gate="off", beside="image_data")
    if not run.carry({"d": "1"}).is_empty():
        run.finish({"image_data": TABLES["image_data"].empty().select("sha256")})
        return False
    added: list[str] = []
    for page_number, index, (status, error_class), data in placements:
        row = {
            "doc_id": "d",
            "page_number": page_number,
            "image_index": index,
            "input_sha256": "1",
            "status": status,
            "error_class": error_class,
            "sha256": data,
        }
        run.add("images", row, 10)
        if data is not None and data not in added:
            added.append(data)
            bytes_of = {"sha256": data, "input_sha256": data, "format": "png"}
            run.add("image_data", {**bytes_of, "data": data.encode()}, 10)
        if error_class is not None:
            run.fail(Subject("d", None, page_number), error_class, "why")
    for page_number in refused:
        run.fail(Subject("d", None, page_number), "invalid_output", "no row")
    run.stand()
    key = ["doc_id", "page_number", "image_index"]
    rows = lake.read("images", [*key, "sha256"]).join(run.carried.select(key), on=key, how="semi")
    names = rows.select("sha256").drop_nulls().unique()
    staged = run.finish({"image_data": names.filter(~pl.col("sha256").is_in(added))})
    publish_staged(lake, staged)
    return True


def images(lake: Lake) -> list[tuple[int, int, str, str | None]]:
    rows = lake.read("images").sort("page_number", "image_index")
    return [
        (r["page_number"], r["image_index"], r["version"].split("-")[1], r["sha256"])
        for r in rows.to_dicts()
    ]


FIRST: list[Placement] = [
    (1, 0, OK, "a1"),
    (1, 1, OK, "both"),
    (2, 0, OK, "b1"),
    (2, 1, OK, "both"),
]


def test_images_of_a_page_stand_with_their_bytes(lake: Lake) -> None:
    extract(lake, 1, FIRST, "r1")
    bad: list[Placement] = [
        (1, 0, OK, "a2"),
        (2, 0, OK, "b2"),
        (2, 1, ("failed", "image_failed"), None),
    ]
    for number in (2, 3, 4):
        assert extract(lake, 2, bad, f"r{number}")
        assert images(lake) == [(1, 0, "r2", "a2"), (2, 0, "r1", "b1"), (2, 1, "r1", "both")]
        stored = set(lake.read("image_data")["sha256"])
        assert {"a2", "b1", "both"} <= stored
        assert "a1" not in stored
    assert lake.read("image_data").filter(pl.col("sha256") == "b1")["data"].to_list() == [b"b1"]
    assert not extract(lake, 2, bad, "r5")  # in quarantine, and the rest is current


def test_an_answer_that_is_no_row_leaves_the_old_page(lake: Lake) -> None:
    extract(lake, 1, FIRST, "r1")
    extract(lake, 2, [(1, 0, OK, "a2")], "r2", refused=[2])
    assert images(lake) == [(1, 0, "r2", "a2"), (2, 0, "r1", "b1"), (2, 1, "r1", "both")]


def test_a_page_without_images_gets_no_failed_row_either(lake: Lake) -> None:
    extract(lake, 1, FIRST, "r1")
    staged = [*FIRST, (3, 0, ("failed", "timeout"), None)]
    extract(lake, 2, staged, "r2")
    assert [row[:3] for row in images(lake)] == [(p, i, "r2") for p, i, _, _ in FIRST]
    assert lake.read("failures").select("page_number", "attempts").rows() == [(3, 1)]


def test_rows_whose_bytes_are_gone_do_not_stand(lake: Lake) -> None:
    """A run that died between the two tables had replaced the bytes."""
    extract(lake, 1, [(1, 0, OK, "a1"), (2, 0, OK, "x")], "r1")
    run = StageRun(lake, version("images", 2), BATCH, "r2", gate="off", beside="image_data")
    run.carry({"d": "1"})
    run.add("image_data", {"sha256": "x", "input_sha256": "x", "format": "png", "data": b"x"}, 10)
    staged = run.finish({"image_data": TABLES["image_data"].empty().select("sha256")})
    publish(
        lake,
        "image_data",
        BATCH,
        stage="images",
        version=staged.version,
        epoch=staged.epoch,
        files=staged.tables["image_data"],
    )
    extract(lake, 2, [(n, 0, ("failed", "crash"), None) for n in (1, 2)], "r3")
    assert images(lake) == [(1, 0, "r2", None), (2, 0, "r1", "x")]
