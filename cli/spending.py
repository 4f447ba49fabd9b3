"""What models have cost and what the budget has left, as `quire status` tells it.

Here: the words and the JSON. Not here: the sums (`resources/budget/books.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cli.options import Opened
from cli.terminal import say
from resources.budget.amounts import Amount, Budget
from resources.budget.books import Books, Standing


def standing(opened: Opened) -> Standing:
    """How the lake's spending stands now."""
    return Books(opened.lake).read(datetime.now(UTC))


def as_json(opened: Opened) -> dict[str, Any]:
    """Spent and held, and what may be spent; null where there is no limit."""
    told, budget = standing(opened), Budget.of(opened.settings)
    return {
        "calls": told.spent.calls,
        "calls_of_unknown_cost": told.unknown,
        "usd": _numbers(told.spent.usd, told.held.usd, budget.usd),
        "tokens": _numbers(told.spent.tokens, told.held.tokens, budget.tokens),
    }


def say_spending(opened: Opened, blocked: int) -> None:
    """A line for each limit, or one without any; nothing where no model was ever called."""
    told, budget = standing(opened), Budget.of(opened.settings)
    if budget.usd is not None:
        unknown = f", and {told.unknown:,} calls of unknown cost" if told.unknown else ""
        spent, held = told.spent.usd or 0.0, told.held.usd or 0.0
        say(f"budget: {spent:.4f} of {budget.usd:g} USD spent, {held:.4f} held{unknown}")
    if budget.tokens is not None:
        spent_tokens, held_tokens = told.spent.tokens, told.held.tokens
        say(f"budget: {spent_tokens:,} of {budget.tokens:,} tokens spent, {held_tokens:,} held")
    if not budget.limited and told.spent.calls:
        say(f"models: {told.spent.calls:,} calls, {told.spent.tokens:,} tokens; no budget is set")
    if told.held != Amount() and budget.limited:
        say("held is for calls that are not answered; of a run that died it is free after a day")
    if blocked:
        say(
            f"{blocked:,} documents are blocked: raise QUIRE_BUDGET_USD or QUIRE_BUDGET_TOKENS, "
            "then run quire ingest (make dev does it by itself)"
        )


def _numbers(spent: float | None, held: float | None, limit: float | None) -> dict[str, Any]:
    return {"spent": spent or 0, "held": held or 0, "budget": limit}
