"""When an owner's source is gone, a copy that is still there takes the document over, once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest

from io_managers.schemas import STAGES
from resources.crash_points import POINTS
from resources.lake.audit import audit
from tests.crashes.in_process import Killed, killed_at
from tests.crashes.owning import Estate
from tests.crashes.test_stateful import pdf

EBB = hashlib.sha256(pdf(b"ebb")).hexdigest()


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path / "estate")


def lost_after_files(estate: Estate, *copies: str) -> list[str]:
    """Batches of an owner that went after its `files` row was made, and of copies of it."""
    estate.put("owner.pdf", b"ebb")
    batches = list(estate.take())
    estate.run(batches[0], 1)
    for name in copies:
        estate.put(name, b"ebb")
        batches += estate.take()
        estate.run(batches[-1])
    estate.remove("owner.pdf")
    return batches


def stands_once(estate: Estate, batch: str) -> None:
    """The document is done in one batch, and nothing else is left of it."""
    assert set(estate.states().values()) == {"done"}
    assert [(r["doc_id"], r["owner_batch"]) for r in estate.rows("contents")] == [(EBB, batch)]
    for table in STAGES[1:]:
        held = estate.batches_of(table, EBB)
        assert held == ([] if table == "images" else [batch]), table
    assert audit(estate.lake, deep=True) == []
    assert estate.due() == []


def test_a_duplicate_takes_over_from_an_owner_that_is_gone(estate: Estate) -> None:
    first, second = lost_after_files(estate, "copy.pdf")
    estate.run(first)
    assert estate.states() == {"owner.pdf": "quarantined", "copy.pdf": "quarantined"}
    assert audit(estate.lake) == []
    assert estate.due() == [first]
    estate.run(first)
    assert estate.statuses() == {"owner.pdf": "duplicate", "copy.pdf": "duplicate"}
    assert estate.states() == {"owner.pdf": "waiting", "copy.pdf": "waiting"}
    assert audit(estate.lake) == []
    assert estate.due() == [second]
    estate.run(second)
    assert estate.statuses() == {"owner.pdf": "duplicate", "copy.pdf": "ok"}
    (owner,) = [r for r in estate.rows("files") if r["file_name"] == "owner.pdf"]
    assert (owner["doc_id"], owner["duplicate_of_batch"], owner["n_pages"]) == (EBB, second, 2)
    stands_once(estate, second)


def test_a_new_sighting_takes_over_too(estate: Estate) -> None:
    (first,) = lost_after_files(estate)
    estate.run(first)
    estate.put("later.pdf", b"ebb")
    (second,) = estate.take()
    estate.run(second)
    estate.settle()
    stands_once(estate, second)


def test_a_duplicate_in_the_same_batch_takes_over(estate: Estate) -> None:
    estate.put("a.pdf", b"ebb")
    estate.put("b.pdf", b"ebb")
    (batch,) = estate.take()
    estate.run(batch, 1)
    assert estate.statuses() == {"a.pdf": "ok", "b.pdf": "duplicate"}
    estate.remove("a.pdf")
    estate.run(batch)
    assert set(estate.states().values()) == {"quarantined"}
    estate.settle()
    assert estate.statuses() == {"a.pdf": "duplicate", "b.pdf": "ok"}
    stands_once(estate, batch)


def test_of_several_duplicates_the_first_that_is_there_takes_over(estate: Estate) -> None:
    first, second, third, fourth = lost_after_files(estate, "1.pdf", "2.pdf", "3.pdf")
    estate.remove("1.pdf")
    estate.run(first)
    for batch in (fourth, third, first):
        estate.run(batch)
    assert estate.due() == [second]
    estate.run(second)
    assert estate.due() == [second]
    estate.run(fourth)
    assert estate.statuses()["3.pdf"] == "duplicate"
    estate.settle()
    stands_once(estate, third)


def test_without_a_copy_the_document_stays_quarantined(estate: Estate) -> None:
    first, _ = lost_after_files(estate, "copy.pdf")
    estate.remove("copy.pdf")
    estate.run(first)
    estate.settle()
    assert set(estate.states().values()) == {"quarantined"}
    assert audit(estate.lake) == []


@pytest.mark.parametrize("back", ["owner.pdf", "copy.pdf"])
def test_what_came_back_is_done_once_after_a_release(estate: Estate, back: str) -> None:
    first, second = lost_after_files(estate, "copy.pdf")
    estate.remove("copy.pdf")
    estate.run(first)
    estate.settle()
    estate.put(back, b"ebb", 1_700_000_001 if back == "owner.pdf" else 1_700_000_002)
    assert estate.due() == []
    estate.release_all()
    estate.settle()
    stands_once(estate, first if back == "owner.pdf" else second)


def test_an_owner_that_comes_back_after_it_was_followed_is_a_duplicate(estate: Estate) -> None:
    first, second = lost_after_files(estate, "copy.pdf")
    estate.run(first)
    estate.run(first)
    estate.run(second)
    estate.put("owner.pdf", b"ebb", 1_700_000_001)
    estate.release_all()
    estate.settle()
    stands_once(estate, second)


def test_an_owner_of_which_a_page_was_read_keeps_the_document(estate: Estate) -> None:
    first, _ = lost_after_files(estate, "copy.pdf")
    estate.put("owner.pdf", b"ebb", 1_700_000_001)
    estate.run(first, 2)
    estate.remove("owner.pdf")
    estate.run(first)
    assert estate.due() == []
    pages = estate.lake.read("pages")
    assert pages.select("batch", "status").unique().rows() == [(first, "ok")]
    assert audit(estate.lake) == []


def test_the_follower_may_be_followed(estate: Estate) -> None:
    first, second, third = lost_after_files(estate, "1.pdf", "2.pdf")
    estate.run(first)
    estate.run(first)
    estate.run(second, 1)
    assert estate.statuses()["1.pdf"] == "ok"
    estate.remove("1.pdf")
    estate.settle()
    stands_once(estate, third)


def killed_while_it_moves(estate: Estate, point: str) -> None:
    first, second = lost_after_files(estate, "copy.pdf")
    estate.run(first)
    for batch in (first, second, first, second):
        with killed_at(point), suppress(Killed):
            estate.run(batch)
        assert audit(estate.lake) == []
    estate.settle()
    stands_once(estate, second)


@pytest.mark.parametrize("point", ["contents.claimed", "publish.after_commit:2"])
def test_a_kill_while_it_moves_heals(estate: Estate, point: str) -> None:
    killed_while_it_moves(estate, point)


@pytest.mark.slow
@pytest.mark.parametrize("times", range(1, 7))
@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith(("contents", "publish"))])
def test_a_kill_anywhere_while_it_moves_heals(estate: Estate, point: str, times: int) -> None:
    killed_while_it_moves(estate, f"{point}:{times}")


def test_a_follower_that_goes_before_its_row_is_made_is_followed(estate: Estate) -> None:
    first, second, third = lost_after_files(estate, "1.pdf", "2.pdf")
    estate.run(first)
    estate.run(first)
    assert estate.lake.read("contents")["owner_batch"].to_list() == [second]
    estate.remove("1.pdf")
    estate.settle()
    stands_once(estate, third)
    assert estate.statuses() == {"owner.pdf": "duplicate", "1.pdf": "duplicate", "2.pdf": "ok"}
