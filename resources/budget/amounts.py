"""What calls of models cost, and what may be spent: the records that this room shares.

Here: amounts, budgets, and what is left of one. Not here: prices (`prices.py`), the table
(`books.py`), or who may spend (`ledger.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resources.settings import Settings


@dataclass(frozen=True)
class Amount:
    """What some calls cost, or are expected to.

    Attributes:
        calls: How many.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
        usd: None when the price is not known, 0.0 when free.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Amount) -> Amount:
        unknown = self.usd is None or other.usd is None
        return Amount(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            None if unknown else (self.usd or 0.0) + (other.usd or 0.0),
        )

    def beyond(self, other: Amount) -> Amount:
        """How much this is over another amount, in each number; never below nothing."""
        return Amount(
            max(0, self.calls - other.calls),
            max(0, self.input_tokens - other.input_tokens),
            max(0, self.output_tokens - other.output_tokens),
            max(0.0, (self.usd or 0.0) - (other.usd or 0.0)),
        )


NOTHING: Final = Amount()


@dataclass(frozen=True)
class Left:
    """What may still be spent; None where there is no limit. Below 0 when it was overspent."""

    usd: float | None = None
    tokens: float | None = None

    def takes(self, amount: Amount, share: float = 1.0) -> bool:
        """Whether an amount is within a share of this. What is free is within any."""
        dear = self.usd is not None and amount.usd and amount.usd > share * self.usd
        long = self.tokens is not None and amount.tokens and amount.tokens > share * self.tokens
        return not dear and not long

    def plus(self, amount: Amount) -> Left:
        """The same, once an amount that is held is given back."""
        return Left(
            None if self.usd is None else self.usd + (amount.usd or 0.0),
            None if self.tokens is None else self.tokens + amount.tokens,
        )

    def minus(self, amount: Amount) -> Left:
        """The same, once an amount is spent or held."""
        return Left(
            None if self.usd is None else self.usd - (amount.usd or 0.0),
            None if self.tokens is None else self.tokens - amount.tokens,
        )


@dataclass(frozen=True)
class Budget:
    """What may be spent over the life of a lake; None where there is no limit."""

    usd: float | None = None
    tokens: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Budget:
        """`QUIRE_BUDGET_USD` and `QUIRE_BUDGET_TOKENS`."""
        return cls(settings.budget_usd, settings.budget_tokens)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None
