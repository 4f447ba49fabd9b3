"""Who may spend what: calls are reserved in `usage` before they are made, and settled after.

Here: the one transaction that looks at what is left and takes some of it. Not here: what calls cost
(`prices.py`), or which calls are made (`flow.py`).

The budget is one sum for all runs and processes over the life of a lake. What is left is looked up
at a snapshot of the table, and the rows are appended through that same snapshot with the next
number of the application transaction `usage`: of two that look at once one conflicts, and looks
again. So no two take the same last dollar.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import USAGE
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import pause
from resources.budget.amounts import NOTHING, Amount, Budget, Left
from resources.budget.books import CALLS, Books, Key, Standing
from resources.errors import LakeError, SettingError
from resources.lake.lake import Lake, delta_schema
from resources.lake.store_errors import lake_error

TRANSACTION: Final = "usage"
SHARE: Final = 0.1
"""Of what is left, the most that one reservation takes, unless a single call needs more: what a
killed run holds for a day is a tenth of it at most, and several runs end at the same time."""
COMMIT_TRIES: Final = 200
"""This commit conflicts with every other of the table: what is left has to be looked up again."""


@dataclass(frozen=True)
class Spender:
    """In whose name is spent: the columns of `usage` that say so."""

    run_id: str
    stage: str
    batch: str
    version: str


@dataclass(frozen=True)
class Reservation:
    """What is held for one micro-batch of calls, until it is settled."""

    micro_batch: str
    amount: Amount


@dataclass(frozen=True)
class Grant:
    """What came of asking.

    Attributes:
        n: How many of the calls, from the first on, may be made.
        reservation: What is held for them; None when `n` is 0.
        left: What the budget has left after it.
        lost: What is held for calls that nobody will hear of; None when there are none.
    """

    n: int
    reservation: Reservation | None
    left: Left
    lost: Reservation | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """Reserves and settles for one run of one stage."""

    def __init__(
        self,
        lake: Lake,
        budget: Budget,
        spender: Spender,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Look at nothing yet; `clock` gives the time in UTC."""
        self.lake = lake
        self.budget = budget
        self.spender = spender
        self._books = Books(lake)
        self._clock = clock
        self._session = uuid.uuid4().hex[:12]  # a step that is tried again has the same run
        self._count = 0

    def standing(self) -> Standing:
        """How the lake's spending stands now.

        Raises:
            LakeError: The lake cannot be read.
        """
        return self._books.read(self._clock())

    def reserve(self, needs: Sequence[Amount]) -> Grant:
        """Take what the first calls of some are expected to cost, as many as the budget has for."""
        return self.exchange((), needs)

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Say what a micro-batch did cost; what it held beyond that is free again."""
        self.exchange([(reservation, actual)])

    def nothing_held(self) -> Reservation:
        """What calls are settled as that nothing was reserved for."""
        return Reservation(self._next_name(), NOTHING)

    def renew(self, reservation: Reservation) -> Reservation:
        """Hold for another day what a provider's job holds that is still worked on.

        A job may last longer than a day. Its reservation may come from an earlier process: what
        tells it is the spender and its micro-batch.
        """
        held = self.exchange([(reservation, NOTHING)], lost=reservation.amount).lost
        return reservation if held is None else held

    def exchange(
        self,
        settled: Sequence[tuple[Reservation, Amount]],
        needs: Sequence[Amount] = (),
        *,
        owed: Amount = NOTHING,
        lost: Amount = NOTHING,
        share: float = SHARE,
    ) -> Grant:
        """Settle micro-batches and reserve the next one, in one commit.

        Args:
            settled: Micro-batches of this ledger, each once, and what they did cost.
            needs: What calls are expected to cost, each by itself, in order.
            owed: What calls of reservations that stay are known to cost beyond them.
            lost: What calls may have cost that nobody will hear of; held for a day.
            share: Of what is left, the most that is taken beyond a first call.

        Raises:
            SettingError: There is a budget of money, and a call has no price.
            LakeError: The lake cannot be read or written.
        """
        if self.budget.usd is not None and any(need.usd is None for need in needs):
            raise SettingError(
                "QUIRE_BUDGET_USD needs a price of every call: set QUIRE_PRICES, or "
                "QUIRE_BUDGET_TOKENS instead"
            )
        mine = self._next_name()
        also = Reservation(self._next_name(), lost) if lost.calls else None
        grant = Grant(0, None, Left())
        file: StagedFile | None = None
        for attempt in range(COMMIT_TRIES):
            table = self.lake.ensure(USAGE.name)
            number = table.transaction_version(TRANSACTION) or 0
            standing = self._books.read(self._clock(), table)
            if file is not None:
                # Rows that are in the table now were committed, and the answer to it was lost.
                if self._is_there(mine, also, settled):
                    return grant
                self.lake.delete(f"{USAGE.name}/{file.path}")
            left = self._left(standing, settled, owed).minus(lost)
            grant = replace(self._grant(mine, left, needs, share), lost=also)
            rows = [self._row("settled", held.micro_batch, actual) for held, actual in settled]
            rows += [
                self._row("reserved", held.micro_batch, held.amount)
                for held in (grant.reservation, also)
                if held is not None
            ]
            if not rows:
                return grant
            frame = pl.DataFrame(rows, schema=USAGE.polars)
            file = stage_file(self.lake, USAGE.name, frame, {})
            if self._commit(table, file, number + 1):
                return grant
            pause(attempt)
        raise LakeError("could not reserve in usage: too many runs spend at once, run again")

    def _next_name(self) -> str:
        self._count += 1
        return f"{CALLS}{self._session}-{self._count:05d}"

    def _key(self, micro_batch: str) -> Key:
        return (self.spender.run_id, self.spender.stage, micro_batch)

    def _is_there(
        self,
        mine: str,
        also: Reservation | None,
        settled: Sequence[tuple[Reservation, Amount]],
    ) -> bool:
        names = [mine] if also is None else [mine, also.micro_batch]
        if any(self._books.knows(self._key(name), "reserved") for name in names):
            return True
        return any(self._books.knows(self._key(r.micro_batch), "settled") for r, _ in settled)

    def _left(
        self, standing: Standing, settled: Sequence[tuple[Reservation, Amount]], owed: Amount
    ) -> Left:
        """What is left once these are settled; a reservation that expired holds nothing."""
        left = standing.left(self.budget).minus(owed)
        for reservation, actual in settled:
            if self._books.holds(self._key(reservation.micro_batch)):
                left = left.plus(reservation.amount)
            left = left.minus(actual)
        return left

    def _grant(self, name: str, left: Left, needs: Sequence[Amount], share: float) -> Grant:
        """The longest run of calls that fits; after the first only within a share."""
        total, n = NOTHING, 0
        for need in needs:
            if not left.takes(total + need, share if n else 1.0):
                break
            total, n = total + need, n + 1
        if not n:
            return Grant(0, None, left)
        return Grant(n, Reservation(name, total), left.minus(total))

    def _row(self, kind: str, micro_batch: str, amount: Amount) -> dict[str, Any]:
        return {
            "run_id": self.spender.run_id,
            "stage": self.spender.stage,
            "micro_batch": micro_batch,
            "kind": kind,
            "batch": self.spender.batch,
            "version": self.spender.version,
            "n_items": amount.calls,
            "seconds": 0.0,  # the stage's own rows say what time it took
            "input_tokens": amount.input_tokens,
            "output_tokens": amount.output_tokens,
            "cost_usd": amount.usd,
            "recorded_at": self._clock(),
        }

    def _commit(self, table: DeltaTable, file: StagedFile, number: int) -> bool:
        """Append the file through this snapshot; False when another commit came first."""
        now = int(time.time() * 1000)
        stats = json.dumps({"numRecords": file.n_rows})
        properties = CommitProperties(
            max_commit_retries=0, app_transactions=[Transaction(TRANSACTION, number)]
        )
        try:
            table.create_write_transaction(
                actions=[
                    AddAction(file.path, file.n_bytes, {}, now, data_change=True, stats=stats)
                ],
                mode="append",
                schema=delta_schema(USAGE),
                partition_by=[],
                commit_properties=properties,
            )
        except CommitFailedError:
            return False
        except (DeltaError, OSError) as error:
            raise lake_error("cannot write usage", self.lake.root, error) from error
        return True
