"""Summaries through a Batch API: no document is lost and none is paid for twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.summaries.build import build_summaries
from io_managers.api_jobs import FOLDER
from io_managers.publish import publish_staged
from resources.budget.amounts import Budget
from resources.budget.blocked import blocked_batches
from resources.budget.books import Books
from resources.errors import EngineError
from resources.llm.openai_batch.submit import Limits
from tests.fake_batch_server import KEY, BatchServer, first_words, serving
from tests.lakes import Pdf, publish_batch
from tests.provider_place import PRICE, Place
from tests.summary_stage import BATCH, UPSTREAM, Stage, long, short, stage_of


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving() as state:
        yield state


@pytest.fixture
def make(tmp_path: Path, server: BatchServer) -> Any:
    def place(*pdfs: Pdf, **more: str) -> Place:
        given = {
            "summariser": "openai_batch", "model": "tiny", "base_url": server.url, "api_key": KEY,
            "prices": PRICE, "context_tokens": "2000", **more,
        }  # fmt: skip
        return Place(stage_of(tmp_path, pdfs, **given), server)

    return place


def test_a_batch_is_sent_awaited_and_published(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2), Pdf("broken.pdf", file_error="corrupt"))
    standing = place.look()
    assert (standing.state, standing.n_documents, standing.n_waiting) == ("waiting", 3, 2)
    assert "3 documents of b00000001 wait for the provider (2 requests in jobs" in standing.message
    assert place.look().submitted.n_sent == 0  # nothing is sent twice
    assert len(server.jobs) == 1
    with pytest.raises(EngineError, match=r"wait for the provider.*quire ingest, called again"):
        place.publish()
    assert place.stage.rows() == {}
    server.finish()
    assert place.look().state == "ready"
    calls = sum(server.calls.values())
    place.publish()
    assert sum(server.calls.values()) == calls  # the run that publishes asks nobody
    row = place.stage.rows()["d1"]
    assert (row["status"], row["summariser"], row["model"]) == ("ok", "openai_batch", "tiny")
    assert (row["input_tokens"], row["output_tokens"]) == (100, 30)
    assert row["cost_usd"] == pytest.approx(160e-6)
    assert row["prompt_version"].startswith("summary-v1-")
    assert place.look().state == "nothing"
    assert place.settled()["cost_usd"].sum() == pytest.approx(320e-6)
    assert Books(place.stage.lake).read(place.now).held.calls == 0
    assert place.stage.lake.names(f"{FOLDER}/jobs") == []
    assert place.stage.lake.read("completions").height == 2
    steps = place.stage.lake.read("api_jobs").sort("step")["state"].to_list()
    assert steps == ["intended", "uploaded", "submitted", "ingested", "retired"]


def test_long_documents_take_a_second_round(make: Any, server: BatchServer) -> None:
    place = make(long(), short(1))
    place.to_end()
    place.all_ok(2)
    assert len(server.jobs) == 2
    assert place.stage.rows()["long"]["cost_usd"] == pytest.approx(160e-6 * (len(server.paid) - 1))


def test_an_expired_job_holds_paid_rows(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(5)))
    place.look()
    server.finish(state="expired", only=3)
    place.look()
    assert len(server.keys("batch_2")) == 2
    server.finish()
    place.to_end()
    place.all_ok(5)
    assert place.states() == ["expired", "completed"]
    assert place.settled()["n_items"].sum() == 5


def test_a_cancelled_job_keeps_what_it_did(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(4)))
    place.look()
    exchange = place.exchange()
    exchange.work.provider.cancel("batch_1")
    place.to_end()
    place.all_ok(4)
    assert place.states() == ["cancelled", "completed"]


def test_completed_may_mean_that_every_request_failed(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2))
    for _ in range(3):
        assert place.look().state == "waiting"
        server.finish(errors={0: (500, "server_error"), 1: (500, "server_error")})
    assert place.look().state == "ready"
    place.publish()
    assert place.stage.failures() == {"summary_failed": 2}
    assert "it is server_error" in place.stage.rows()["d1"]["error"]
    assert len(server.jobs) == 3
    assert server.files.keys().isdisjoint({"file-1", "file-3"})  # what was sent is cleared away


def test_what_a_request_fails_of_is_not_asked_again(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2))
    place.look()
    server.finish(errors={0: (400, "content_filter")})
    assert place.look().state == "ready"
    place.publish()
    assert place.stage.failures() == {"refused": 1}
    assert len(server.jobs) == 1


def test_answers_come_in_any_order_twice_and_for_strangers(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(4)))
    place.look()
    server.finish(backwards=True, twice=2, strangers=1)
    place.look()
    place.publish()
    for i in range(4):
        assert f"town {i} " in place.stage.rows()[f"d{i}"]["summary"]
    ended = place.stage.lake.read("api_jobs").filter(pl.col("state") == "ingested").to_dicts()[0]
    assert (ended["n_answered"], ended["n_duplicate"], ended["n_unknown"]) == (4, 2, 1)
    assert place.settled()["n_items"].sum() == 7  # they are paid for too
    assert place.look().state == "nothing"
    kept = place.stage.lake.get(f"{FOLDER}/unknown/{ended['job']}.jsonl")
    assert kept is not None
    assert b'"s0"' in kept


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("door", ["files", "batches"])
def test_a_lost_acknowledgement_is_found_again(
    make: Any, server: BatchServer, door: str, metadata: bool
) -> None:
    place = make(*(short(i) for i in range(3)))
    server.lose.add(door)
    server.metadata = metadata
    standing = place.look()
    assert standing.submitted.away is not None
    assert place.look().submitted.n_sent == 0
    place.later(seconds=61)  # a list may lag
    place.look()
    assert len(server.jobs) == 1
    assert len([n for n, _ in server.files.values() if n.startswith("quire-")]) == 1
    place.to_end()
    place.all_ok(3)


def test_a_file_that_is_not_there_yet_is_awaited(make: Any, server: BatchServer) -> None:
    place = make(short(1))
    place.look()
    server.finish()
    server.late_reads = 2
    assert [place.look().state for _ in range(3)] == ["waiting", "waiting", "ready"]
    place.publish()
    place.all_ok(1)


def test_a_file_that_never_comes_is_given_up_after_a_day(make: Any, server: BatchServer) -> None:
    place = make(short(1))
    place.look()
    server.finish()
    server.late_reads = 10_000
    assert place.look().state == "waiting"
    place.later(hours=25)
    assert place.look().submitted.n_sent == 1


def test_a_file_that_is_not_whole_yet_is_awaited(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2))
    place.look()
    server.finish(torn=True)
    output = server.jobs["batch_1"].value["output_file_id"]
    assert place.look().state == "waiting"
    lines = [server._good(line) for line in server.jobs["batch_1"].lines]
    server.paid.subtract(server.keys("batch_1"))
    server.files[output] = ("o", b"\n".join(json.dumps(line).encode() for line in lines))
    assert place.look().state == "ready"
    place.publish()
    place.all_ok(2)


@pytest.mark.slow
def test_requests_are_split_by_the_providers_limits(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(7)))
    place.limits = Limits(requests=3)
    place.look()
    assert [len(server.keys(job)) for job in server.jobs] == [3, 3, 1]
    size = max(len(data) for _, data in server.files.values())
    place.to_end()
    place.all_ok(7)
    again = make(*(short(i) for i in range(20, 24)))
    again.limits = Limits(n_bytes=size // 2)
    again.look()
    assert max(len(data) for _, data in server.files.values()) <= size


def test_a_job_of_too_many_tokens_waits_and_is_halved(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(8)))
    sent = place.look()
    server.fail("batch_1", "token_limit_exceeded")
    assert sent.submitted.n_sent == 8
    standing = place.look()
    assert standing.submitted.n_sent == 0  # not at once
    assert standing.submitted.n_later == 8
    assert "are sent once it takes more" in standing.message
    place.later(minutes=11)
    assert 3 <= place.look().submitted.n_sent <= 5
    assert place.look().submitted.n_sent == 0  # one at a time
    place.to_end()
    place.all_ok(8)


@pytest.mark.slow
def test_a_job_that_does_not_pass_fails_its_documents_in_the_end(
    make: Any, server: BatchServer
) -> None:
    place = make(short(1))
    for _ in range(3):
        place.look()
        server.fail(server.open_jobs()[0], "invalid_model")
    assert place.look().state == "ready"
    place.publish()
    row = place.stage.rows()["d1"]
    assert (row["status"], row["error_class"]) == ("failed", "summary_failed")
    assert "invalid_model" in row["error"]


@pytest.mark.parametrize("door", ["files", "batches"])
def test_a_refusal_is_an_answer(make: Any, server: BatchServer, door: str) -> None:
    place = make(short(1))
    server.refuse[door] = (400, "bad_request")
    for _ in range(3):
        assert place.look().state == "waiting"
    assert place.look().state == "ready"
    place.publish()
    assert place.stage.failures() == {"summary_failed": 1}
    assert place.states() == ["refused"] * 3
    assert Books(place.stage.lake).read(place.now).held.calls == 0


def test_a_wrong_key_costs_no_attempt_and_is_not_told(make: Any, server: BatchServer) -> None:
    place = make(short(1), api_key="sk-of-another-account")
    for _ in range(5):
        standing = place.look()
        place.later(minutes=2)
    assert standing.state == "waiting"
    told = place.exchange().work.look()
    assert told.away == "the server refuses the key (401): check QUIRE_API_KEY"
    assert place.stage.lake.read("api_jobs")["state"].unique().to_list() == ["intended"]


def test_a_provider_that_is_down_for_a_day_loses_nothing(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2), budget_usd="1.0")
    place.look()
    server.finish()
    server.status = 503
    for _ in range(10):
        place.later(hours=3)
        assert place.exchange().work.look().away is not None
        assert Books(place.stage.lake).read(place.now).held.calls == 2  # renewed within the day
    server.status = None
    assert place.look().state == "ready"
    place.publish()
    place.all_ok(2)
    assert place.settled()["n_items"].sum() == 2
    assert place.look().state == "nothing"


@pytest.mark.slow
def test_the_budget_blocks_what_it_has_no_room_for(make: Any, server: BatchServer) -> None:
    place = make(*(short(i) for i in range(6)), budget_tokens="900")
    sent = place.look().submitted
    assert 0 < sent.n_sent < 6
    assert sent.n_sent + sent.n_blocked == 6
    assert Books(place.stage.lake).read(place.now).held.tokens <= 900
    for _ in range(9):  # what answers cost less than was held makes room for more
        server.finish()
        if place.look().state == "ready":
            break
    place.publish()
    rows = place.stage.rows().values()
    assert {row["status"] for row in rows} == {"ok", "blocked"}
    assert "QUIRE_BUDGET_TOKENS" in next(r["error"] for r in rows if r["status"] == "blocked")
    assert Books(place.stage.lake).read(place.now).spent.tokens <= 900
    blocked = blocked_batches(Books(place.stage.lake), Budget(tokens=900))
    assert blocked.waiting == {BATCH}
    assert blocked_batches(Books(place.stage.lake), Budget(tokens=99_000)).payable == {BATCH}


def test_what_another_batch_asks_is_not_asked_again(make: Any, server: BatchServer) -> None:
    place = make(short(1), short(2))
    other = "b00000002"
    same = Pdf("copy.pdf", title="d1", body=short(1).body, pages=1)
    publish_batch(place.stage.lake, other, [same, short(3)], stages=UPSTREAM)
    place.look()
    standing = place.look(other)
    assert (standing.submitted.n_sent, standing.n_waiting) == (1, 2)
    server.finish()
    assert place.look(other).state == "ready"  # though the first is not published
    assert place.look().state == "ready"
    place.publish()
    second = Stage(place.stage.lake, place.stage.settings, other)
    publish_staged(second.lake, build_summaries(second.context()))
    assert {row["status"] for row in second.rows().values()} == {"ok"}
    assert set(server.paid.values()) == {1}


def test_an_answer_of_no_use_is_asked_for_more_strictly(make: Any, server: BatchServer) -> None:
    def rambling(body: Mapping[str, Any]) -> str:
        first = len(server.jobs) == 1
        return "I would rather talk about the weather." if first else first_words(body)

    place = make(short(1))
    server.answer = rambling
    place.to_end()
    place.all_ok(1)
    assert len(server.jobs) == 2


def test_a_part_that_the_server_does_not_take_is_left_out(make: Any, server: BatchServer) -> None:
    place = make(short(1))
    place.look()
    server.finish(errors={0: (400, "response_format is not supported")}, only=0)
    place.look()
    sent = [job.lines[0]["body"] for job in server.jobs.values()]
    assert ["response_format" in body for body in sent] == [True, False]
    place.to_end()
    place.all_ok(1)
