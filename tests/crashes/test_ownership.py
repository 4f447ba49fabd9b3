"""Copies come, owners go: each document has one owner, and is done while a copy of it is left."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from io_managers.schemas import STAGES
from resources.lake.audit import audit
from tests.crashes.in_process import Killed, killed_at
from tests.crashes.owning import Estate
from tests.crashes.test_stateful import pdf

TEXTS = (b"ebb", b"flood")
DOC_IDS = {hashlib.sha256(pdf(text)).hexdigest(): text for text in TEXTS}
MOMENTS = ("contents.claimed", "publish.after_failures", "publish.after_commit")


class Copies(RuleBasedStateMachine):
    """Sightings of two documents, batches run in any order, in part or killed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.estate = Estate(Path(self.folder.name) / "estate")
        self.present: dict[str, tuple[bytes, int]] = {}
        self.gone: dict[str, tuple[bytes, int]] = {}

    @rule(text=st.sampled_from(TEXTS), take=st.booleans())
    def drop(self, text: bytes, take: bool) -> None:
        name = f"{len(self.present) + len(self.gone)}.pdf"
        self.present[name] = (text, self.estate.put(name, text))
        if take:
            self.estate.take()

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.present)))
        self.estate.remove(name)
        self.gone[name] = self.present.pop(name)

    @rule(text=st.sampled_from(TEXTS), n_copies=st.integers(0, 2))
    def lose(self, text: bytes, n_copies: int) -> None:
        """A file that may be the owner goes after it was triaged, and copies of it are left."""
        self.drop(text, take=True)
        name = list(self.present)[-1]
        self.estate.run(max(self.estate.lake.read("manifest", ["batch"])["batch"]), 1)
        for _ in range(n_copies):
            self.drop(text, take=True)
        self.estate.remove(name)
        self.gone[name] = self.present.pop(name)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.gone)))
        self.present[name] = self.gone.pop(name)
        self.estate.put(name, *self.present[name])

    @rule(data=st.data(), stages=st.integers(1, 5), at=st.sampled_from([None, *MOMENTS]))
    def run(self, data: st.DataObject, stages: int, at: str | None) -> None:
        batches = sorted(self.estate.lake.read("manifest", ["batch"])["batch"].unique())
        if not batches:
            return
        batch = data.draw(st.sampled_from(batches))
        if at is None:
            self.estate.run(batch, stages)
        else:
            with killed_at(f"{at}:{stages}"), suppress(Killed):
                self.estate.run(batch)
        self.check_owners()

    @rule()
    def release(self) -> None:
        self.estate.release_all()

    def check_owners(self) -> None:
        """At any time: one owner a document, and its rows in one batch a table."""
        owners = Counter(row["doc_id"] for row in self.estate.rows("contents"))
        assert set(owners.values()) <= {1}
        for table in STAGES[1:]:
            for doc_id in DOC_IDS:
                assert len(self.estate.batches_of(table, doc_id)) <= 1, table

    def teardown(self) -> None:
        estate = self.estate
        estate.take()
        estate.settle()
        for _ in range(3):  # what came back is looked at again only when somebody says so
            estate.release_all()
            estate.settle()
        self.check_owners()
        assert audit(estate.lake) == []
        read = estate.lake.read("pages").filter(pl.col("status") == "ok")["doc_id"].to_list()
        files = estate.lake.read("files")
        for text in {text for text, _ in self.present.values()}:
            doc_id = hashlib.sha256(pdf(text)).hexdigest()
            (owner,) = (row for row in estate.rows("contents") if row["doc_id"] == doc_id)
            there = estate.name_of(owner["owner_uri"]) in self.present
            assert there or doc_id in read, "a copy is left, and the document is not read"
            if there:
                works = files.filter((pl.col("doc_id") == doc_id) & (pl.col("status") == "ok"))
                assert works["batch"].to_list() == [owner["owner_batch"]]
                names = [name for name, (held, _) in self.present.items() if held == text]
                states = estate.states()
                assert {states[name] for name in names} == {"done"}
        self.folder.cleanup()


def run_sequences(n: int, steps: int) -> None:
    run_state_machine_as_test(
        Copies,
        settings=settings(
            max_examples=n,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_three_sequences_of_copies() -> None:
    run_sequences(3, 8)


@pytest.mark.slow
def test_sixty_sequences_of_copies() -> None:
    run_sequences(60, 12)
