"""Which requests are let through to an engine: reserved before they are made, settled after.

Here: the requests of one `generate`, from the caller to the engine and back. Not here: the engine
that callers see (`engine.py`), the budget's book (`ledger.py`), prices (`prices.py`).

Requests are let through in micro-batches: each is reserved as a whole before its first call, and
settled when its last one is answered, in the commit that reserves a later one. A request that the
budget has no room for gets a completion of class `budget`, and no call is made. Before that, what
this engine has in flight is waited for, if what it gives back could make room.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from resources.budget.amounts import NOTHING, Amount, Budget, Left
from resources.budget.blocked import forget_refused, note_refused
from resources.budget.ledger import Reservation
from resources.errors import EngineError, ErrorClass
from resources.llm.base import Completion, Request

if TYPE_CHECKING:
    from resources.budget.engine import BudgetedEngine

FIRST_CALLS: Final = 1
"""Calls of the first micro-batch, and of all where calls are slow: a caller that is asked for few
requests ahead may still drop those that an answer makes useless."""
MOST_CALLS: Final = 64
"""Calls of a micro-batch at most: what is looked ahead, and what a kill leaves unsettled."""
QUICK: Final = 5.0
SLOW: Final = 30.0
"""Seconds between two reservations below which micro-batches double, and above which they halve.
One takes some 50 ms (measured on a busy two-core machine), and up to 0.5 s where eight processes do
nothing but reserve. Each leaves a file in `usage` until the table is compacted."""
SETTLE_AFTER: Final = 10.0
"""Seconds that a whole micro-batch waits for a reservation to be settled with."""
_BLOCKED_AT_ONCE: Final = 64


@dataclass
class Pace:
    """How many calls are reserved at once: more when reservations follow each other fast."""

    n_calls: int = FIRST_CALLS
    asked_at: float | None = None
    """Of the last reservation, by `time.monotonic`."""

    @property
    def since(self) -> float:
        """Seconds since the last reservation."""
        return SLOW if self.asked_at is None else time.monotonic() - self.asked_at

    def adapt(self) -> None:
        """Double or halve, before another reservation."""
        if self.since < QUICK:
            self.n_calls = min(MOST_CALLS, self.n_calls * 2)
        elif self.since > SLOW:
            self.n_calls = max(FIRST_CALLS, self.n_calls // 2)


@dataclass
class _MicroBatch:
    """Calls that were reserved together."""

    reservation: Reservation
    waiting: int
    """Calls that are not answered."""
    spent: Amount = NOTHING
    foreseen: Amount = NOTHING
    """What the answered calls were expected to cost."""


@dataclass
class Flow:
    """The requests of one `generate`, from the caller to the engine and back.

    The engine may take requests in a thread of its own, so whatever changes does so under a lock.
    """

    owner: BudgetedEngine
    source: Iterator[Request]
    lock: threading.RLock = field(default_factory=threading.RLock)
    exhausted: bool = False
    ahead: deque[tuple[Request, Amount]] = field(default_factory=deque)
    granted: deque[tuple[Request, Amount, _MicroBatch]] = field(default_factory=deque)
    flying: defaultdict[str, deque[tuple[Amount, _MicroBatch]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    again: defaultdict[str, list[_MicroBatch]] = field(default_factory=lambda: defaultdict(list))
    """By key: what is held for further calls for a request of which one may be billed."""
    open: list[_MicroBatch] = field(default_factory=list)
    refused: deque[Completion] = field(default_factory=deque)
    least_refused: Amount | None = None
    left: Left | None = None
    """What the budget had left when it was last asked."""
    n_admitted: int = 0
    lost: Amount = NOTHING
    """What is expected of calls that nobody will hear of."""
    unasked: Amount = NOTHING
    """What answers cost that belong to no call."""
    without_quota: bool = False
    """Whether the provider refused for a budget of its own."""

    @property
    def is_ready(self) -> bool:
        """Whether a request may be made now."""
        return bool(self.granted)

    def prepare(self) -> bool:
        """Reserve for the next requests, or block them; False when all are done with."""
        with self.lock:
            if not self.granted:
                self._reserve()
            return bool(self.granted or self.refused or self.ahead or not self.exhausted)

    def admitted(self) -> Iterator[Request]:
        """Requests that are reserved for, one by one, until the budget refuses."""
        while True:
            with self.lock:
                if not self.granted:
                    self._reserve()
                if not self.granted:
                    return
                request, expected, micro_batch = self.granted.popleft()
                self.flying[request.key].append((expected, micro_batch))
                self.n_admitted += 1
            yield request

    def answered(self, answer: Completion) -> Completion:
        """Price an answer and book it."""
        with self.lock:
            calls = self.flying.get(answer.key)
            priced = replace(answer, cost_usd=self._cost(answer))
            cost = Amount(1, answer.input_tokens, answer.output_tokens, priced.cost_usd)
            if calls:
                expected, micro_batch = calls.popleft()
                micro_batch.foreseen += expected
                micro_batch.spent += cost
                micro_batch.waiting -= 1
                for more in self.again.pop(answer.key, ()):
                    more.waiting = 0  # what these cost is in the answer
                if not calls:
                    del self.flying[answer.key]
            else:  # an engine that answers twice may be paid twice
                self.unasked += cost
            if answer.finish_reason in ("stop", "length"):
                self.owner.forecast.saw(answer.output_tokens - answer.unheard_output_tokens)
            self.without_quota |= answer.error_class is ErrorClass.BUDGET
            if self.owner.pace.since > SETTLE_AFTER:
                self._exchange([])
            return priced

    def pay_again(self, request: Request) -> bool:
        """Hold for another call for a request of which one may be billed; False without room."""
        with self.lock:
            calls = self.flying.get(request.key)
            if not calls:
                return True
            expected = calls[0][0]
            grant = self.owner.ledger.reserve([expected])
            self.left = grant.left
            if grant.reservation is None:
                self._note_least(expected)
                return False
            held = _MicroBatch(grant.reservation, 1)
            self.again[request.key].append(held)
            self.open.append(held)
            return True

    def blocked(self) -> Iterator[Completion]:
        """Completions of requests that were not made."""
        while self.refused:
            yield self.refused.popleft()

    def end_round(self, before: int) -> None:
        """Count calls that the engine took and never answered; they may be paid for.

        Args:
            before: How many calls it had taken before this round.

        Raises:
            EngineError: It took none of the requests that were there for it.
        """
        with self.lock:
            if self.granted and self.n_admitted == before:
                raise EngineError(
                    f"{self.owner.name} takes no requests: a fault of the engine, please report it"
                )
            for calls in self.flying.values():
                for expected, micro_batch in calls:
                    self.lost += expected
                    micro_batch.waiting -= 1
            self._lose_again()
            self.flying.clear()

    def end(self) -> None:
        """Settle; calls that nobody will hear of are held for a day, since they may be paid for."""
        with self.lock:
            for calls in self.flying.values():
                for expected, _ in calls:
                    self.lost += expected
            self._lose_again()
            for micro_batch in self.open:
                micro_batch.waiting = 0
            self._exchange([])
            ledger = self.owner.ledger
            if self.least_refused is not None:
                note_refused(ledger.lake, ledger.spender.batch, self.least_refused)
            elif self.without_quota:
                forget_refused(ledger.lake, ledger.spender.batch)

    def _lose_again(self) -> None:
        """Further calls that nobody will hear of."""
        for held in self.again.values():
            for more in held:
                self.lost += more.reservation.amount
                more.waiting = 0
        self.again.clear()

    # Reserving ---------------------------------------------------------------------------------

    def _reserve(self) -> None:
        """Reserve the next micro-batch. Requests that there is no room for are blocked meanwhile.

        Nothing is reserved when all requests are done with, or when the answers to those in flight
        have to come first.
        """
        self._look_ahead()
        while self.ahead and len(self.refused) < _BLOCKED_AT_ONCE:
            whole = any(not micro_batch.waiting for micro_batch in self.open)
            first = self.ahead[0][1]
            if self.left is None or whole or self.left.takes(first):
                self.owner.pace.adapt()
                self._exchange([amount for _, amount in self.ahead])
                if self.granted:
                    return
            if self.left is not None and self._could_free().takes(first) and self.open:
                return
            self._block(*self.ahead.popleft())
            self._look_ahead()

    def _look_ahead(self) -> None:
        while not self.exhausted and len(self.ahead) < self.owner.pace.n_calls:
            request = next(self.source, None)
            if request is None:
                self.exhausted = True
            else:
                self.ahead.append((request, self.owner.expect(request)))

    def _exchange(self, needs: list[Amount]) -> None:
        """Settle what is whole, and reserve what `needs` begin with."""
        ledger = self.owner.ledger
        whole = [m for m in self.open if not m.waiting]
        if not (whole or needs or self.lost.calls or self.unasked.calls):
            return
        rest = [m for m in self.open if m.waiting]
        owed = NOTHING
        for micro_batch in rest:
            owed += micro_batch.spent.beyond(micro_batch.foreseen)
        settled = [(m.reservation, m.spent) for m in whole]
        if self.unasked.calls:
            settled.append((ledger.nothing_held(), self.unasked))
        grant = ledger.exchange(settled, needs, owed=owed, lost=self.lost)
        self.lost = self.unasked = NOTHING
        self.open, self.left, self.owner.pace.asked_at = rest, grant.left, time.monotonic()
        if grant.reservation is not None:
            micro_batch = _MicroBatch(grant.reservation, grant.n)
            self.open.append(micro_batch)
            for _ in range(grant.n):
                request, expected = self.ahead.popleft()
                self.granted.append((request, expected, micro_batch))

    def _could_free(self) -> Left:
        """What would be left if all that is in flight cost nothing."""
        left = self.left or Left()
        for micro_batch in self.open:
            left = left.plus(micro_batch.reservation.amount)
        return left

    def _note_least(self, expected: Amount) -> None:
        least = self.least_refused or expected
        self.least_refused = Amount(
            1,
            min(least.input_tokens, expected.input_tokens),
            min(least.output_tokens, expected.output_tokens),
            min(least.usd or 0.0, expected.usd or 0.0),
        )

    def _block(self, request: Request, expected: Amount) -> None:
        self._note_least(expected)
        self.refused.append(
            Completion(
                key=request.key,
                text=None,
                finish_reason="error",
                input_tokens=0,
                output_tokens=0,
                elapsed_ms=0,
                model=self.owner.model,
                attempts=0,
                error_class=ErrorClass.BUDGET,
                error=why_blocked(self.owner.ledger.budget, self.left or Left(), expected),
            )
        )

    def _cost(self, answer: Completion) -> float | None:
        """What the engine says that it cost, or what its tokens do."""
        if answer.cost_usd:
            return answer.cost_usd
        return self.owner.prices.cost(
            self.owner.model,
            answer.input_tokens,
            answer.output_tokens,
            cached_tokens=answer.cached_input_tokens,
            answered_by=answer.model,
        )


def why_blocked(budget: Budget, left: Left, expected: Amount) -> str:
    """Which limit was met, and what mends it."""
    said, names = [], []
    if budget.usd is not None and not Left(usd=left.usd).takes(expected):
        rest = max(0.0, left.usd or 0.0)
        said.append(f"{expected.usd or 0.0:.6f} USD of {rest:.6f} left of {budget.usd:g}")
        names.append("QUIRE_BUDGET_USD")
    if budget.tokens is not None and not Left(tokens=left.tokens).takes(expected):
        rest = max(0.0, left.tokens or 0.0)
        said.append(f"{expected.tokens:,} tokens of {rest:,.0f} left of {budget.tokens:,}")
        names.append("QUIRE_BUDGET_TOKENS")
    return (
        f"the budget has no room: the call would take about {' and '.join(said)}; "
        f"raise {' and '.join(names)}, then run quire ingest (quire status shows what is spent)"
    )
