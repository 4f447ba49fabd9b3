"""Batches that wait for nothing but money: which of them another run could get on with.

Here: what the calls that a budget refused would have taken, and whether there is room for one now.
Not here: refusing (`flow.py`), or asking for runs (`sensors/asking.py`).

A batch whose only open failures are of class `budget` is left alone while there is no room for the
least of its calls, so that a spent budget costs no runs; as soon as there is, because it was raised
or because a reservation expired, it is asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl

from resources.budget.amounts import Amount, Budget
from resources.budget.books import Books
from resources.errors import ErrorClass
from resources.lake.lake import Lake

_FOLDER: Final = "_quire/refused"


@dataclass(frozen=True)
class Blocked:
    """Batches with no open failure but of class `budget`.

    Attributes:
        payable: There is room for a call of theirs now.
        waiting: There is not.
    """

    payable: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()


def note_refused(lake: Lake, batch: str, least: Amount) -> None:
    """Keep the least that a call of a batch's would have taken; the last run's word counts."""
    value = {"tokens": least.tokens, "usd": least.usd}
    lake.put(f"{_FOLDER}/{batch}.json", json.dumps(value).encode())


def forget_refused(lake: Lake, batch: str) -> None:
    """Our budget refuses nothing of a batch any more: what blocks it is its provider's quota."""
    lake.delete(f"{_FOLDER}/{batch}.json")


def blocked_batches(books: Books, budget: Budget) -> Blocked:
    """Which blocked batches may run and which had better not.

    A batch of which no refusal is noted was blocked by its provider: it is in neither, and is
    asked for as any other.

    Raises:
        LakeError: The lake cannot be read.
    """
    lake = books.lake
    failures = lake.read("failures", ["batch", "quarantined", "error_class"])
    budget_only = (pl.col("error_class") == ErrorClass.BUDGET).all()
    batches = (
        failures.filter(~pl.col("quarantined")).group_by("batch").agg(only=budget_only)
    ).filter("only")["batch"]
    noted = {
        batch: json.loads(held)
        for batch, held in zip(
            batches,
            lake.get_all([f"{_FOLDER}/{batch}.json" for batch in batches]),
            strict=True,
        )
        if held is not None
    }
    if not noted:
        return Blocked()
    left = books.read(datetime.now(UTC)).left(budget)
    payable = {
        batch
        for batch, least in noted.items()
        if left.takes(Amount(1, int(least["tokens"]), 0, least["usd"]))
    }
    return Blocked(frozenset(payable), frozenset(noted.keys() - payable))
