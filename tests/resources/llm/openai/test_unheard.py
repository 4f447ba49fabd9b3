"""Calls that a provider may bill and that nobody heard the end of: counted from above, in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resources.budget.amounts import Budget
from resources.budget.engine import BudgetedEngine
from resources.budget.ledger import Ledger, Spender
from resources.budget.prices import Price, Prices
from resources.errors import EngineError, ErrorClass
from resources.lake.lake import Lake
from resources.llm.openai.engine import OpenAIEngine
from tests.fake_llm_server import FakeServer
from tests.resources.llm.openai.conftest import QUICK, MakeEngine, by_document, requests

READ, CAP = 40, 100
"""Predicted tokens of the input, and what an answer is cut at; the fake server bills 21 and 9."""
BILLED = 30
SPENDER = Spender("run", "summaries", "b00000001", "v")


def budgeted(engine: OpenAIEngine, lake: Lake, budget: Budget) -> BudgetedEngine:
    return BudgetedEngine(engine, Ledger(lake, budget, SPENDER), Prices({"tiny": Price(1.0, 2.0)}))


@pytest.mark.parametrize(
    ("behaviour", "calls"),
    [("late", 2), ("drip", 2), ("lost", 6), ("reset", 6), ("broken", 3), ("status:504", 6)],
)
def test_every_call_that_may_be_billed_is_in_the_completion(
    server: FakeServer, make_engine: MakeEngine, behaviour: str, calls: int
) -> None:
    server.scripts["doc-x"] = [behaviour]
    found = by_document(
        make_engine(call_timeout=0.5).generate(requests("doc-x", "doc-y", n_input_tokens=READ))
    )
    bad, good = found["doc-x"], found["doc-y"]
    assert (bad.attempts, bad.text) == (calls, None)
    assert (bad.input_tokens, bad.output_tokens) == (calls * READ, calls * CAP)
    assert bad.unheard_output_tokens == calls * CAP
    assert server.paid["doc-x"] * BILLED <= bad.input_tokens + bad.output_tokens
    assert (good.input_tokens, good.output_tokens, good.unheard_output_tokens) == (21, 9, 0)


@pytest.mark.parametrize("behaviour", ["status:500", "html", "inner:502", "busy:0.01", "too_long"])
def test_a_call_that_nobody_bills_is_not_counted(
    server: FakeServer, make_engine: MakeEngine, behaviour: str
) -> None:
    server.scripts["doc-x"] = [behaviour, "ok"]
    (found,) = make_engine().generate(requests("doc-x", n_input_tokens=READ))
    whole = found.text is not None
    assert found.input_tokens + found.output_tokens == (BILLED if whole else 0)
    assert found.unheard_output_tokens == 0


def test_an_answer_after_a_lost_one_costs_both(server: FakeServer, make_engine: MakeEngine) -> None:
    server.scripts["doc-x"] = ["lost", "ok"]
    (found,) = make_engine().generate(requests("doc-x", n_input_tokens=READ))
    assert (found.text is None, found.attempts) == (False, 2)
    assert (found.input_tokens, found.output_tokens) == (READ + 21, CAP + 9)


@pytest.mark.parametrize("behaviour", ["uncounted", "huge"])
def test_an_answer_of_no_use_that_is_not_counted_is_counted_from_above(
    server: FakeServer, make_engine: MakeEngine, behaviour: str
) -> None:
    server.scripts["doc-x"] = [behaviour]
    (found,) = make_engine().generate(requests("doc-x", n_input_tokens=READ))
    assert (found.input_tokens, found.output_tokens) == (READ, CAP)


def test_usage_holds_what_may_be_billed(
    server: FakeServer, make_engine: MakeEngine, lake: Lake
) -> None:
    server.scripts["doc-x"] = ["late"]
    engine = budgeted(make_engine(call_timeout=0.4), lake, Budget(usd=1.0))
    found = by_document(engine.generate(requests("doc-x", "doc-y", n_input_tokens=READ)))
    assert found["doc-x"].cost_usd == pytest.approx(2 * (READ + 2 * CAP) / 1e6)
    standing = engine.ledger.standing()
    assert standing.held.calls == 0
    assert standing.spent.tokens == 2 * (READ + CAP) + BILLED
    assert standing.spent.usd == pytest.approx((2 * (READ + 2 * CAP) + 21 + 2 * 9) / 1e6)


def test_another_call_is_made_only_where_the_budget_has_room_for_it(
    server: FakeServer, make_engine: MakeEngine, lake: Lake
) -> None:
    server.scripts["doc-x"] = ["lost"]
    each = READ + CAP
    engine = budgeted(make_engine(), lake, Budget(tokens=3 * each + each // 2))
    (found,) = engine.generate(requests("doc-x", n_input_tokens=READ))
    assert found.error_class is ErrorClass.BUDGET
    assert found.error is not None
    assert "may be billed" in found.error
    assert server.n_calls("doc-x") == 3
    standing = engine.ledger.standing()
    assert (standing.spent.tokens, standing.held.calls) == (3 * each, 0)


def test_a_server_that_bills_and_says_nothing_is_not_paid_beyond_the_budget(
    server: FakeServer, make_engine: MakeEngine, lake: Lake
) -> None:
    server.default = "lost"
    for n in range(0, 40, 3):
        server.scripts[f"doc-{n}"] = ["ok"]
    each, in_flight, limit = READ + CAP, 4, 4_000
    made = make_engine(max_concurrency=in_flight, patience=replace(QUICK, outage_failures=9_999))
    engine = budgeted(made, lake, Budget(tokens=limit))
    todo = requests(*(f"doc-{n}" for n in range(40)), n_input_tokens=READ)
    found = by_document(engine.generate(todo))
    assert len(found) == 40
    spent = engine.ledger.standing().spent.tokens
    assert sum(server.paid.values()) * BILLED <= spent <= limit + in_flight * each
    answered = sum(one.text is not None for one in found.values())
    assert spent == answered * BILLED + (len(server.calls) - answered) * each
    assert any(one.error_class is ErrorClass.BUDGET for one in found.values())


def test_what_an_outage_may_have_billed_is_held(
    server: FakeServer, make_engine: MakeEngine, lake: Lake
) -> None:
    server.default = "lost"
    engine = budgeted(make_engine(), lake, Budget(tokens=1_000_000))
    todo = requests(*(f"doc-{n}" for n in range(12)), n_input_tokens=READ)
    with pytest.raises(EngineError, match="has not answered"):
        list(engine.generate(todo))
    standing = engine.ledger.standing()
    probes = server.n_calls("none")
    billed = sum(server.paid.values()) - probes
    assert billed > 12
    # Requests that waited for their next call hold that one too.
    assert billed * (READ + CAP) <= standing.spent.tokens + standing.held.tokens
    assert standing.held.calls <= billed + 12


def test_answers_that_nobody_heard_teach_the_forecast_nothing(
    server: FakeServer, make_engine: MakeEngine, lake: Lake
) -> None:
    server.default = "ok"
    for n in range(30):
        server.scripts[f"doc-{n}"] = ["lost", "ok"]
    engine = budgeted(make_engine(), lake, Budget(tokens=1_000_000))
    list(engine.generate(requests(*(f"doc-{n}" for n in range(30)), n_input_tokens=READ)))
    assert engine.expect(requests("doc-x", n_input_tokens=READ)[0]).output_tokens == 9
