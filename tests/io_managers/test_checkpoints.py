"""Checkpoints: a run that dies leaves its finished micro-batches to the next, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_managers import checkpoints
from io_managers.checkpoints import checkpointed
from io_managers.failure_ledger import Subject
from io_managers.publish import publish_staged
from io_managers.stage_run import StageRun
from io_managers.staging import Staged
from io_managers.versions import StageVersion
from resources.lake.lake import Lake
from tests.io_managers.rows import VERSION, doc_row

IMAGES = StageVersion("images", 1, "pymupdf", {})


@pytest.fixture(autouse=True)
def _every_document_is_a_micro_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)


class Docs:
    """Runs of the docs stage over one batch, which may die before they publish."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.done: list[str] = []
        self.number = 0

    def run(
        self,
        inputs: dict[str, str],
        *,
        dies_after: int | None = None,
        fails: Sequence[str] = (),
        version: StageVersion = VERSION,
        gate: str = "block",
    ) -> Staged | None:
        self.number += 1
        run = StageRun(self.lake, version, "b1", f"r{self.number}", gate=gate)
        kept = set(run.carry(inputs)["doc_id"]) | set(run.resumed.units)
        self.done = []
        for doc_id in sorted(set(inputs) - kept):
            if len(self.done) == dies_after:
                return None
            text = f"{doc_id} {inputs[doc_id]}"
            row = {**doc_row(doc_id, "b1", text), "input_sha256": inputs[doc_id]}
            run.add("docs", {**row, "status": "failed" if doc_id in fails else "ok"}, 10)
            if doc_id in fails:
                run.fail(Subject(doc_id, None), "timeout", "why")
            run.counts["documents"] += 1
            run.done(doc_id)
            self.done.append(doc_id)
        if len(self.done) == dies_after:
            return None
        staged = run.finish()
        publish_staged(self.lake, staged)
        return staged

    def texts(self) -> dict[str, str]:
        return dict(self.lake.read("docs", ["doc_id", "markdown"]).rows())


@pytest.fixture
def docs(lake: Lake) -> Docs:
    return Docs(lake)


def records(lake: Lake) -> int:
    return sum(len(found) for found in checkpointed(lake).values())


INPUTS = {"a": "1", "b": "1", "c": "1"}
TEXTS = {"a": "a 1", "b": "b 1", "c": "c 1"}


def test_a_run_that_died_is_gone_on_with(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=2)
    assert docs.lake.read("docs").is_empty()
    staged = docs.run(INPUTS)
    assert docs.done == ["c"]
    assert docs.texts() == TEXTS
    assert staged is not None
    assert staged.counts == {"documents": 3, "resumed": 2}
    assert records(docs.lake) == 0


def test_a_run_that_died_after_its_last_document_has_nothing_left_to_do(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=3)
    docs.run(INPUTS)
    assert (docs.done, docs.texts()) == ([], TEXTS)


def test_a_document_that_changed_meanwhile_is_done_again(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=3)
    docs.run(INPUTS | {"b": "2"})
    assert (docs.done, docs.texts()) == (["b"], TEXTS | {"b": "b 2"})


def test_a_document_that_went_meanwhile_has_no_row(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=3)
    docs.run({"a": "1"})
    assert docs.texts() == {"a": "a 1"}


def test_documents_of_one_micro_batch_are_told_apart(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = iter([False, False, True, False])
    monkeypatch.setattr(checkpoints.Checkpoint, "is_due", lambda _: next(due))
    docs.run(INPUTS, dies_after=3)
    assert records(docs.lake) == 1
    monkeypatch.undo()
    docs.run(INPUTS | {"b": "2"})
    assert (docs.done, docs.texts()) == (["b"], TEXTS | {"b": "b 2"})


def test_a_changed_version_starts_a_checkpoint_of_its_own(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=2)
    newer = StageVersion("docs", 2, "stitch", {})
    docs.run(INPUTS, dies_after=1, version=newer, gate="off")
    assert docs.done == ["a"]
    docs.run(INPUTS, version=newer, gate="off")
    assert docs.done == ["b", "c"]
    assert set(docs.lake.read("docs")["version"]) == {newer.name}
    assert records(docs.lake) == 0


def test_a_failure_is_charged_once_however_often_its_run_is_gone_on_with(docs: Docs) -> None:
    for dies_after in (1, 0, 1):
        docs.run(INPUTS, dies_after=dies_after, fails=["a"])
    docs.run(INPUTS, fails=["a"])
    found = docs.lake.read("failures").select("doc_id", "attempts", "run_id").rows()
    assert found == [("a", 1, "r1")]
    docs.run(INPUTS, fails=["a"])  # a new attempt, of a run that was not interrupted
    assert docs.done == ["a"]
    assert docs.lake.read("failures")["attempts"].to_list() == [2]


def test_a_retry_that_died_keeps_what_it_had_mended(docs: Docs) -> None:
    docs.run(INPUTS, fails=["a", "b"])
    docs.run(INPUTS, dies_after=1)
    assert docs.done == ["a"]
    docs.run(INPUTS)
    assert docs.done == ["b"]
    assert docs.lake.read("failures").is_empty()
    assert set(docs.lake.read("docs")["status"]) == {"ok"}


def test_what_is_published_meanwhile_spends_a_checkpoint(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=2)
    left = checkpointed(docs.lake)[("docs", "b1")]
    docs.run(INPUTS)
    docs.run(INPUTS | {"a": "2"}, dies_after=1)
    docs.run(INPUTS)
    assert docs.texts() == TEXTS
    assert len(left) == 2


def test_a_torn_record_or_a_missing_file_is_done_again(docs: Docs) -> None:
    docs.run(INPUTS, dies_after=3)
    root = Path(docs.lake.root)
    first, *_ = sorted(root.glob("_quire/checkpoints/**/*.json"))
    first.write_bytes(first.read_bytes()[:40])
    (micro_batch, _) = checkpointed(docs.lake)[("docs", "b1")]
    (root / micro_batch.paths().pop()).unlink()
    docs.run(INPUTS)
    assert (docs.done, docs.texts()) == (["a", "b"], TEXTS)


def test_a_run_that_was_thought_dead_may_publish_the_same_files_first(lake: Lake) -> None:
    inputs = {"a": "1", "b": "1"}
    orphan = StageRun(lake, VERSION, "b1", "r1")
    orphan.carry(inputs)
    orphan.add("docs", {**doc_row("a", "b1"), "input_sha256": "1"}, 10)
    orphan.done("a")
    newer = StageRun(lake, VERSION, "b1", "r2")
    newer.carry(inputs)
    assert newer.resumed.units == {"a": {0}}
    for run in (orphan, newer):
        run.add("docs", {**doc_row("b", "b1", run.run_id), "input_sha256": "1"}, 10)
        run.done("b")
    publish_staged(lake, orphan.finish())
    publish_staged(lake, newer.finish())
    assert dict(lake.read("docs", ["doc_id", "markdown"]).rows()) == {"a": "words", "b": "r2"}


def image_row(doc_id: str, page: int, sha256: str) -> dict[str, Any]:
    empty = dict.fromkeys(("bbox", "width", "height", "n_bytes", "error_class", "error"))
    return empty | {
        "doc_id": doc_id,
        "page_number": page,
        "image_index": 0,
        "input_sha256": "1",
        "sha256": sha256,
        "role": "figure",
        "format": "png",
        "status": "ok",
    }


def add_image(run: StageRun, doc_id: str, page: int, sha256: str, *, stored: bool) -> None:
    run.add("images", image_row(doc_id, page, sha256), 10)
    if stored:
        data = {"sha256": sha256, "input_sha256": sha256, "format": "png", "data": b"png"}
        run.add("image_data", data, 10)
    run.done(doc_id, (page,))


def test_bytes_are_stored_once_whichever_run_stored_them(lake: Lake) -> None:
    orphan, second = (
        StageRun(lake, IMAGES, "b1", name, beside="image_data") for name in ("r1", "r2")
    )
    orphan.carry({"a": "1", "b": "1"})
    second.carry({"a": "1", "b": "1"})
    add_image(orphan, "a", 1, "x", stored=True)
    add_image(second, "a", 1, "x", stored=True)
    add_image(second, "b", 1, "x", stored=False)
    add_image(second, "b", 2, "y", stored=True)
    third = StageRun(lake, IMAGES, "b1", "r3", beside="image_data")
    third.carry({"a": "2", "b": "1"})  # a has changed; b's row still needs a's bytes
    assert third.resumed.units == {"b": {1, 2}}
    publish_staged(lake, third.finish({"image_data": lake.read("image_data", ["sha256"])}))
    assert sorted(lake.read("image_data")["sha256"]) == ["x", "y"]
    assert sorted(lake.read("images").select("doc_id", "page_number").rows()) == [
        ("b", 1),
        ("b", 2),
    ]


def test_a_source_that_goes_in_the_middle_leaves_the_published_rows(docs: Docs) -> None:
    docs.run(INPUTS)
    docs.run(INPUTS | {"a": "2", "b": "2"}, dies_after=2)
    run = StageRun(docs.lake, VERSION, "b1", "r9")
    run.carry(INPUTS | {"a": "2", "b": "2"})
    assert set(run.resumed.units) == {"a", "b"}
    assert run.keep_published({"a"}) == {"a"}
    publish_staged(docs.lake, run.finish())
    assert docs.texts() == TEXTS | {"b": "b 2"}


@settings(max_examples=25, deadline=None)
@given(
    deaths=st.lists(st.integers(0, 4), max_size=5),
    changes=st.lists(st.sets(st.sampled_from("abcd")), min_size=6, max_size=6),
)
def test_however_runs_die_the_rows_are_those_of_the_last_inputs(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], changes: list[set[str]]
) -> None:
    docs = Docs(Lake(str(tmp_path_factory.mktemp("lake"))))
    inputs = dict.fromkeys("abcd", "1")
    for number, dies_after in enumerate(deaths):
        inputs |= dict.fromkeys(changes[number], str(number + 2))
        before = records(docs.lake)
        docs.run(inputs, dies_after=dies_after)
        assert len(docs.done) <= len(inputs)
        assert records(docs.lake) in (before + len(docs.done), 0)
    docs.run(inputs)
    assert docs.texts() == {doc_id: f"{doc_id} {given}" for doc_id, given in inputs.items()}
    assert records(docs.lake) == 0
