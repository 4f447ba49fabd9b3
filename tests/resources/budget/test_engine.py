"""An engine under a budget: it stops in time, says why, and prices what it answers."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.budget.amounts import Amount, Budget
from resources.budget.engine import BudgetedEngine
from resources.budget.flow import FIRST_CALLS, MOST_CALLS
from resources.budget.prices import Prices
from resources.errors import EngineError, ErrorClass, SettingError
from resources.lake.lake import Lake
from resources.llm.base import Completion, Request
from tests.resources.budget.scripted import Scripted, blocked, engine, ledger, request


def requests(n: int, read: int = 100, cap: int = 50) -> list[Request]:
    return [request(number, read, cap) for number in range(n)]


def test_everything_is_answered_priced_and_settled(lake: Lake) -> None:
    inner = Scripted(window=3, output=20)
    answers = list(engine(lake, Budget(), inner).generate(requests(30)))
    assert sorted(answer.key for answer in answers) == sorted(r.key for r in requests(30))
    assert {answer.cost_usd for answer in answers} == {(100 + 2 * 20) / 1e6}
    rows = lake.read("usage")
    settled = rows.filter(pl.col("kind") == "settled")
    assert settled["n_items"].sum() == 30
    assert settled["output_tokens"].sum() == 600
    assert settled["cost_usd"].sum() == pytest.approx(30 * 140e-6)
    assert set(rows.filter(pl.col("kind") == "reserved")["micro_batch"]) == set(
        settled["micro_batch"]
    )


def test_it_stops_before_the_budget_is_overspent(lake: Lake) -> None:
    inner = Scripted(window=8)
    answers = list(engine(lake, Budget(tokens=1_000), inner).generate(requests(20)))
    assert inner.spent == 900  # six of 150; a seventh would be over
    assert len(inner.taken) == 6
    stopped = blocked(answers)
    assert len(stopped) == 14
    assert stopped[0].error == (
        "the budget has no room: the call would take about 150 tokens of 100 left of 1,000; raise "
        "QUIRE_BUDGET_TOKENS, then run quire ingest (quire status shows what is spent)"
    )
    assert (stopped[0].attempts, stopped[0].cost_usd, stopped[0].text) == (0, 0.0, None)


def test_what_answers_cost_less_than_foreseen_pays_for_more(lake: Lake) -> None:
    inner = Scripted(window=8, output=10)
    answers = list(engine(lake, Budget(tokens=1_000), inner).generate(requests(20)))
    # 110 each: the eighth is foreseen at 150 while 880 - 7 * 110 = 230 are left.
    assert inner.spent == 8 * 110
    assert len(blocked(answers)) == 12


def test_money_stops_it_too(lake: Lake) -> None:
    each = (100 + 2 * 50) / 1e6
    inner = Scripted()
    answers = list(engine(lake, Budget(usd=5.5 * each), inner).generate(requests(9)))
    assert len(inner.taken) == 5
    assert "raise QUIRE_BUDGET_USD, " in str(blocked(answers)[0].error)


def test_a_request_that_is_too_dear_stops_no_cheaper_one(lake: Lake) -> None:
    inner = Scripted()
    todo = [request(0, read=5_000), *requests(5)[1:], request(5, read=9_000)]
    answers = list(engine(lake, Budget(tokens=1_000), inner).generate(todo))
    assert {answer.key for answer in blocked(answers)} == {"k0", "k5"}
    assert len(inner.taken) == 4


def test_the_second_run_does_what_the_first_was_refused(lake: Lake) -> None:
    first = list(engine(lake, Budget(tokens=1_000), Scripted()).generate(requests(10)))
    rest = [r for r in requests(10) if r.key in {a.key for a in blocked(first)}]
    same = Scripted()
    assert len(blocked(list(engine(lake, Budget(tokens=1_000), same).generate(rest)))) == 4
    assert same.taken == []
    raised = Scripted()
    assert not blocked(list(engine(lake, Budget(tokens=2_000), raised).generate(rest)))
    assert raised.taken == [r.key for r in rest]


def test_a_wrong_forecast_overspends_by_the_calls_in_flight_at_most(lake: Lake) -> None:
    inner = Scripted(window=4, input_factor=1.5)  # 200 a call, foreseen as 150
    list(engine(lake, Budget(tokens=3_000), inner).generate(requests(100)))
    assert 3_000 - 200 < inner.spent <= 3_000 + 4 * 200


def test_no_more_requests_are_taken_than_a_micro_batch(lake: Lake) -> None:
    pulled = 0

    def source() -> Iterator[Request]:
        nonlocal pulled
        for pulled in range(1, 1_001):
            yield request(pulled)

    answers = engine(lake, Budget(), Scripted()).generate(source())
    next(answers)
    assert pulled == FIRST_CALLS
    for done, _ in enumerate(answers, 2):
        assert pulled <= done + MOST_CALLS
    assert pulled == 1_000


def test_an_empty_request_list_calls_and_books_nothing(lake: Lake) -> None:
    inner = Scripted()
    assert list(engine(lake, Budget(tokens=10), inner).generate([])) == []
    assert lake.open("usage") is None


def test_a_caller_that_stops_frees_what_was_not_begun(lake: Lake) -> None:
    inner = Scripted(window=3, output=10)
    answers = engine(lake, Budget(tokens=1_000_000), inner).generate(requests(100))
    next(answers)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    standing = ledger(lake, Budget()).standing()
    assert (standing.spent.calls, standing.spent.tokens) == (2, 220)
    # Two of the four that the engine had taken are answered; the others may be paid for.
    assert (standing.held.calls, standing.held.tokens) == (2, 300)


def test_an_engine_that_breaks_down_leaves_the_book_in_order(lake: Lake) -> None:
    inner = Scripted(window=2, fails_after=450)
    with pytest.raises(EngineError, match="the server is gone"):
        list(engine(lake, Budget(tokens=10_000), inner).generate(requests(20)))
    standing = ledger(lake, Budget()).standing()
    assert standing.spent.tokens == 450
    assert standing.held.calls == 2


def test_an_unknown_price_is_told_before_any_call(lake: Lake) -> None:
    with pytest.raises(SettingError, match="no price of scripted-1"):
        BudgetedEngine(Scripted(), ledger(lake, Budget(usd=1.0)), Prices())
    free = BudgetedEngine(Scripted(), ledger(lake, Budget(usd=1.0)), Prices(free=True))
    assert {answer.cost_usd for answer in free.generate(requests(3))} == {0.0}


def test_without_a_price_and_a_budget_of_money_the_cost_is_unknown(lake: Lake) -> None:
    unpriced = BudgetedEngine(Scripted(), ledger(lake, Budget(tokens=10_000)), Prices())
    assert {answer.cost_usd for answer in unpriced.generate(requests(3))} == {None}
    assert ledger(lake, Budget()).standing().unknown == 3


def test_failed_completions_pass_through(lake: Lake) -> None:
    class Refuses(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            for answer in super().generate(requests):
                yield replace(answer, error_class=ErrorClass.REFUSED, finish_reason="refused")

    answers = list(engine(lake, Budget(tokens=10_000), Refuses()).generate(requests(3)))
    assert {answer.error_class for answer in answers} == {ErrorClass.REFUSED}
    assert {answer.cost_usd for answer in answers} == {200e-6}


class InThreads(Scripted):
    """Takes requests in a thread of its own, and answers them in several."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        done: queue.Queue[Completion | None] = queue.Queue()

        def take() -> None:
            with ThreadPoolExecutor(8) as pool:
                for one in requests:
                    self.taken.append(one.key)
                    pool.submit(self._put, done, one)
            done.put(None)

        thread = threading.Thread(target=take)
        thread.start()
        while (answer := done.get()) is not None:
            yield answer
        thread.join()

    def _put(self, done: queue.Queue[Completion | None], one: Request) -> None:
        done.put(self._answer(one))


def test_an_engine_may_take_requests_in_a_thread_of_its_own(lake: Lake) -> None:
    inner = InThreads(output=20, seconds=0.001)
    answers = list(engine(lake, Budget(tokens=12_000), inner).generate(requests(300)))
    assert len(answers) == 300
    done = [answer for answer in answers if answer.error_class is None]
    assert len(inner.taken) == len(done)
    assert 12_000 - 150 < sum(a.input_tokens + a.output_tokens for a in done) <= 12_000
    standing = ledger(lake, Budget()).standing()
    assert (standing.spent.calls, standing.held.calls) == (len(done), 0)


def test_a_call_that_is_never_answered_may_be_paid_for(lake: Lake) -> None:
    class Forgetful(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            return (a for a in super().generate(requests) if a.key != "k3")

    answers = list(engine(lake, Budget(), Forgetful()).generate(requests(20)))
    assert len(answers) == 19
    standing = ledger(lake, Budget()).standing()
    assert (standing.spent.calls, standing.held.calls, standing.held.tokens) == (19, 1, 150)


def test_an_answer_that_comes_twice_is_paid_for_twice(lake: Lake) -> None:
    class Twice(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            return (a for answer in super().generate(requests) for a in (answer, answer))

    assert len(list(engine(lake, Budget(), Twice()).generate(requests(3)))) == 6
    standing = ledger(lake, Budget()).standing()
    assert (standing.spent.calls, standing.held.calls) == (6, 0)


def test_an_engine_that_takes_nothing_is_told_of(lake: Lake) -> None:
    class Idle(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            return iter(())

    with pytest.raises(EngineError, match="takes no requests"):
        list(engine(lake, Budget(), Idle()).generate(requests(5)))
    assert ledger(lake, Budget()).standing().held.calls == 0


def test_everything_else_is_the_engines_own(lake: Lake) -> None:
    inner = Scripted()
    wrapped = engine(lake, Budget(), inner)
    assert (wrapped.name, wrapped.model, wrapped.context_tokens) == (
        "scripted",
        "scripted-1",
        10_000,
    )
    assert wrapped.version_inputs() == {"model": "scripted-1"}
    assert wrapped.count_tokens(request(1).messages) == 100
    wrapped.close()
    assert inner.closed


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 100)), max_size=25),
    window=st.integers(1, 10),
    budget=st.integers(0, 4_000),
    output=st.one_of(st.none(), st.just(1)),
)
def test_never_over_the_budget_and_one_completion_each(
    sizes: list[tuple[int, int]], window: int, budget: int, output: int | None
) -> None:
    todo = [request(n, read, cap) for n, (read, cap) in enumerate(sizes)]
    inner = Scripted(window=window, output=output)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        answers = list(engine(lake, Budget(tokens=budget), inner).generate(todo))
        standing = ledger(lake, Budget()).standing()
    assert sorted(a.key for a in answers) == sorted(r.key for r in todo)
    done = [a for a in answers if a.error_class is None]
    assert inner.spent == sum(a.input_tokens + a.output_tokens for a in done)
    assert (standing.spent.calls, standing.spent.tokens) == (len(done), inner.spent)
    assert standing.held == Amount()
    assert inner.spent <= budget
    # Whatever was blocked would still be over it.
    refused = {a.key for a in blocked(answers)}
    if output is None:
        smallest = min(
            (r.n_input_tokens + r.max_output_tokens for r in todo if r.key in refused), default=None
        )
        assert smallest is None or inner.spent + smallest > budget
