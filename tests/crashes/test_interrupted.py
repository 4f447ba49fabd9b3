"""A document that takes the whole process with it stops no other, and is charged for nothing."""

from __future__ import annotations

import signal
from pathlib import Path

from cli.exit_codes import ExitCode
from io_managers.intents import Intents
from resources.lake.lake import Lake
from tests.crashes.counting import KILLER
from tests.crashes.place import make_counting_place
from tests.end_to_end.pdfs import plain


def test_a_document_that_kills_its_parent_is_set_apart(tmp_path: Path) -> None:
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    for name in ("a.pdf", "b.pdf", "c.pdf", KILLER):
        plain(pdfs / name, 2, name)
    place = make_counting_place(tmp_path / "place", pdfs)
    codes = [place.run("ingest", "--json")[0]]
    while codes[-1] == -signal.SIGKILL and len(codes) < 8:
        codes.append(place.run("ingest", "--json")[0])
    assert codes == [*[-signal.SIGKILL] * (len(codes) - 1), ExitCode.CANNOT_GO_ON]
    assert len(codes) <= 6
    killer = place.files()[KILLER]["doc_id"]
    docs = dict(place.lake.read("docs", ["doc_id", "status"]).rows())
    assert sorted(docs.values()) == ["failed", "ok", "ok", "ok"]
    assert docs[killer] == "failed"
    failures = place.lake.read("failures").select("doc_id", "error_class", "attempts")
    assert failures.unique().rows() == [(killer, "interrupted", 0)]


def die(lake: Lake, epoch: int, *documents: str, alone: bool = False) -> Intents:
    """A run that has these in hand and never comes to an end."""
    intents = Intents(lake, "pages", "b1", 0, epoch)
    intents.begin(documents, alone=alone)
    return intents


def test_documents_that_were_in_hand_twice_run_alone(lake: Lake) -> None:
    die(lake, 1, "a", "a", "b")
    assert not Intents(lake, "pages", "b1", 0, 2).has_suspects
    intents = die(lake, 2, "a", "c")
    intents.begin(["d"])
    intents.end(["c"])
    intents.begin(["e"])
    found = Intents(lake, "pages", "b1", 0, 3)
    assert [name for name in "abcde" if found.runs_alone(name)] == ["a"]
    assert found.interruptions("b") == 1
    assert not found.is_given_up("a")


def test_documents_that_die_alone_are_left_for_now(lake: Lake) -> None:
    for epoch in (1, 2):
        die(lake, epoch, "a", alone=True)
    assert Intents(lake, "pages", "b1", 0, 3).is_given_up("a")


def test_what_was_published_since_counts_no_more(lake: Lake) -> None:
    for epoch in (1, 2):
        die(lake, epoch, "a")
    assert not Intents(lake, "pages", "b1", 3, 4).has_suspects
    assert lake.names("_quire/intents/pages/b1") == []


def test_a_run_that_ends_in_order_leaves_no_note(lake: Lake) -> None:
    intents = Intents(lake, "pages", "b1", 0, 1)
    with intents.working():
        intents.begin(["a"])
        assert lake.names("_quire/intents/pages/b1") == ["00000001.json"]
    assert lake.names("_quire/intents/pages/b1") == []
