"""The book of a budget: nothing is reserved twice, nothing settled twice, nothing held for ever."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_managers.staging import Staged
from io_managers.usage import Work, settle
from resources.budget.amounts import Amount, Budget
from resources.budget.books import HELD_FOR, Books
from resources.budget.ledger import Ledger, Reservation, Spender
from resources.errors import SettingError
from resources.lake.compaction import compact_table
from resources.lake.lake import Lake
from resources.lake.summary import summary
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore
from tests.resources.budget.scripted import ledger

CALL = Amount(1, 100, 50, 0.01)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_what_is_reserved_counts_until_it_is_settled(lake: Lake) -> None:
    book = ledger(lake, Budget(usd=1.0))
    grant = book.reserve([CALL, CALL])
    assert grant.n == 2
    assert grant.reservation is not None
    assert book.standing().held == Amount(2, 200, 100, 0.02)
    book.settle(grant.reservation, Amount(2, 190, 20, 0.005))
    standing = book.standing()
    assert standing.held.calls == 0
    assert standing.spent == Amount(2, 190, 20, 0.005)


def test_no_more_is_reserved_than_the_budget_has_left(lake: Lake) -> None:
    for budget in (Budget(usd=0.035), Budget(tokens=450), Budget(usd=0.035, tokens=10_000)):
        tight = ledger(Lake(f"{lake.root}-{budget.usd}-{budget.tokens}"), budget)
        granted = [tight.reserve([CALL]).n for _ in range(5)]
        assert granted == [1, 1, 1, 0, 0]


def test_one_reservation_takes_a_tenth_of_what_is_left(lake: Lake) -> None:
    book = ledger(lake, Budget(usd=1.0))
    assert book.reserve([CALL] * 64).n == 10
    assert book.reserve([CALL] * 64).n == 9


def test_nothing_is_refused_that_is_free(lake: Lake) -> None:
    free = Amount(1, 100, 50, 0.0)
    assert ledger(lake, Budget(usd=0.0)).reserve([free] * 3).n == 3
    assert ledger(lake, Budget(usd=0.0)).reserve([CALL]).n == 0


def test_without_a_budget_tokens_are_counted_and_no_price_is_needed(lake: Lake) -> None:
    book = ledger(lake, Budget())
    grant = book.reserve([Amount(1, 100, 50, None)] * 64)
    assert grant.n == 64
    assert grant.reservation is not None
    book.settle(grant.reservation, Amount(64, 6_400, 640, None))
    standing = book.standing()
    assert (standing.spent.tokens, standing.unknown) == (7_040, 64)
    assert lake.read("usage")["cost_usd"].to_list() == [None, None]
    assert summary(lake).cost_unknown == 64


def test_a_budget_of_money_takes_no_call_without_a_price(lake: Lake) -> None:
    with pytest.raises(SettingError, match="QUIRE_PRICES"):
        ledger(lake, Budget(usd=1.0)).reserve([Amount(1, 1, 1, None)])


def test_a_reservation_that_nobody_settles_counts_for_a_day(lake: Lake) -> None:
    now = NOON
    spender = Spender("dead", "summaries", "b00000001", "v")
    book = Ledger(lake, Budget(tokens=200), spender, clock=lambda: now)
    assert book.reserve([CALL]).n == 1
    now = NOON + HELD_FOR - timedelta(minutes=1)
    assert book.reserve([CALL]).n == 0
    now = NOON + HELD_FOR + timedelta(minutes=1)
    grant = book.reserve([CALL])
    assert grant.n == 1
    assert book.standing().held.calls == 1


def test_a_job_of_a_provider_is_held_day_by_day_and_settled_by_another_process(lake: Lake) -> None:
    spender = Spender("job-1", "summaries", "b00000001", "v")

    def at(hours: int) -> Ledger:
        now = NOON + timedelta(hours=hours)
        return Ledger(lake, Budget(tokens=200), spender, clock=lambda: now)

    held = at(0).reserve([CALL]).reservation
    assert held is not None
    for hours in (20, 40, 60):
        poll = at(hours)
        assert poll.reserve([CALL]).n == 0
        held = poll.renew(held)
        assert poll.standing().held.tokens == CALL.tokens
    poll.settle(held, Amount(1, 90, 10))
    assert poll.standing().left(Budget(tokens=200)).tokens == 100
    assert poll.standing().spent.calls == 1


def test_one_that_expired_is_still_settled_in_full(lake: Lake) -> None:
    now = NOON
    spender = Spender("slow", "summaries", "b00000001", "v")
    book = Ledger(lake, Budget(tokens=1_000), spender, clock=lambda: now)
    grant = book.reserve([CALL])
    assert grant.reservation is not None
    now = NOON + timedelta(hours=24, minutes=30)
    after = book.exchange([(grant.reservation, Amount(1, 100, 10))], [])
    assert after.left.tokens == 890
    assert book.standing().left(Budget(tokens=1_000)).tokens == 890


def test_keys_are_of_one_row_each_and_rows_say_who_spent(lake: Lake) -> None:
    for _ in range(2):  # a step that is tried again has the same run
        book = ledger(lake, Budget(usd=1.0))
        held = book.reserve([CALL]).reservation
        assert held is not None
        after = book.exchange([(held, CALL)], [CALL])
        assert after.reservation is not None
    rows = lake.read("usage")
    assert rows.height == rows.select("run_id", "stage", "micro_batch", "kind").n_unique() == 6
    assert set(rows["batch"]) == {"b00000001"}


def test_spending_is_told_once_where_the_stage_tells_of_it_too(lake: Lake) -> None:
    book = ledger(lake, Budget(), run_id="r1")
    held = book.reserve([CALL]).reservation
    assert held is not None
    book.settle(held, CALL)
    work = Work()
    work.did("documents")
    work.paid(100, 50, 0.01)
    for run_id in ("r1", "r2"):
        settle(lake, Staged("summaries", "b00000001", "v", 1, {}, run_id=run_id, work=work))
    assert summary(lake).cost_usd == pytest.approx(0.02)
    assert book.standing().spent.usd == pytest.approx(0.01)


def test_compaction_changes_nothing_that_is_told(lake: Lake) -> None:
    book = ledger(lake, Budget(usd=10.0))
    for _ in range(10):
        held = book.reserve([CALL]).reservation
        assert held is not None
        book.settle(held, CALL)
    book.reserve([CALL])
    before = book.standing()
    assert [swap.n_after for swap in compact_table(lake, "usage", [])] == [1]
    for after in (book.standing(), Books(lake).read(datetime.now(UTC))):
        assert (after.spent.tokens, after.held) == (before.spent.tokens, before.held)
        assert after.spent.usd == pytest.approx(before.spent.usd)


def test_threads_that_reserve_at_once_stay_within_the_budget(lake: Lake) -> None:
    def spend(number: int) -> int:
        book = ledger(Lake(lake.root), Budget(tokens=15 * 150), run_id=f"r{number}")
        return sum(book.reserve([CALL]).n for _ in range(10))

    lake.ensure("usage")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(spend, range(4))) == 15
    assert lake.read("usage").height == 15


def test_a_ledger_in_a_bucket(s3: ObjectStore) -> None:
    book = ledger(lake_in_bucket(s3), Budget(usd=0.015))
    grant = book.reserve([CALL])
    assert grant.reservation is not None
    assert book.reserve([CALL]).n == 0
    again = book.exchange([(grant.reservation, Amount(1, 1, 1, 0.001))], [CALL])
    assert again.n == 1


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("settle"), st.integers(0, 8), st.integers(0, 200)),
        st.tuples(st.just("wait"), st.just(0), st.integers(1, 30)),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None)
@given(moves=MOVES)
def test_whatever_happens_the_book_is_right(moves: list[tuple[str, int, int]]) -> None:
    budget = Budget(tokens=1_500)
    now = NOON
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        books = [
            Ledger(lake, budget, Spender(f"r{n}", "summaries", "b1", "v"), clock=lambda: now)
            for n in range(2)
        ]
        held: list[tuple[Ledger, Reservation, datetime]] = []
        spent = 0
        for move, which, number in moves:
            counted = sum(r.amount.tokens for _, r, at in held if at > now - HELD_FOR)
            if move == "reserve":
                grant = books[which].reserve([CALL] * number)
                assert (grant.n > 0) == (spent + counted + CALL.tokens <= budget.tokens)  # type: ignore[operator]
                if grant.reservation is not None:
                    assert spent + counted + grant.reservation.amount.tokens <= 1_500
                    held.append((books[which], grant.reservation, now))
            elif move == "settle" and held:
                book, reservation, _ = held.pop(which % len(held))
                book.settle(reservation, Amount(reservation.amount.calls, number, 0))
                spent += number
            else:
                now += timedelta(hours=number)
            counted = sum(r.amount.tokens for _, r, at in held if at > now - HELD_FOR)
            for standing in (books[0].standing(), Books(lake).read(now)):
                assert (standing.spent.tokens, standing.held.tokens) == (spent, counted)
        rows = lake.read("usage").filter(pl.col("kind") == "settled")
        assert int(rows["input_tokens"].sum()) == spent
