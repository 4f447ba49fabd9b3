"""What a run knows: of its server, and of each request on its way.

Here: the two records. Not here: who writes them (`dispatch.py`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from resources.errors import ErrorClass
from resources.llm.base import Request
from resources.llm.openai.client import Dialect
from resources.llm.openai.concurrency import Concurrency
from resources.llm.openai.rates import Rates
from resources.llm.openai.retries import Patience
from resources.llm.tokens import Calibration

LEAST_WINDOW: Final = 256
"""A smaller number is none of a model's window."""
_LOG: Final = logging.getLogger(__name__)


@dataclass
class Known:
    """What is known of the server; it outlives a call of `generate`.

    Attributes:
        model: The model that is asked for.
        concurrency: The limit of calls in flight.
        rates: Requests and tokens per minute.
        patience: How long the server is waited for.
        calibration: Tokens, learned from the server's counts.
        dialect: How it wants to be asked.
        models: Names that it answered with, in the order they came.
        quota: Why the account has nothing left, once it says so.
        may_pay_again: Asked before a request is sent again of which a call may be billed; None
            always may. It may take its time: it is asked in a thread of its own.
        window: Tokens that the server said it takes, when a request had more.
    """

    model: str
    concurrency: Concurrency
    rates: Rates
    patience: Patience
    calibration: Calibration
    dialect: Dialect = field(default_factory=Dialect)
    models: list[str] = field(default_factory=list)
    quota: str | None = None
    answered: bool = False
    rejected: set[str] = field(default_factory=set)
    may_pay_again: Callable[[Request], bool] | None = None
    window: int | None = None

    def met(self, model: str) -> None:
        """The server says that this model answered; a silent change is told once."""
        if not model or model in self.models:
            return
        if self.models:
            _LOG.warning(
                "the server's model changed under way from %s to %s: rows name the one that wrote "
                "them; pin QUIRE_MODEL to a dated name",
                self.models[-1],
                model,
            )
        elif not model.lower().startswith(self.model.lower()):
            _LOG.warning("asked for the model %s, the server answers as %s", self.model, model)
        self.models.append(model)

    def told(self, window: int | None) -> None:
        """The server says what it takes; the least that it said counts, and is told once."""
        if window is None or window < LEAST_WINDOW:
            return
        if self.window is None or window < self.window:
            self.window = window
            _LOG.warning(
                "the server takes %d tokens of prompt and answer: set QUIRE_CONTEXT_TOKENS to it",
                window,
            )


@dataclass
class Job:
    """A request on its way.

    Attributes:
        request: What is asked.
        predicted: Tokens of prompt and answer at most, as taken from the allowance.
        began: When its first call was made.
        calls: Calls that were made.
        faults: Calls that ended with a fault that may be the request's own doing, by class.
        failed: Calls in a row that have to be made again.
        read: Tokens of calls that may be billed and that the server did not count, from above.
        written: Likewise, of their answers.
        payable: Whether the budget has room for its next call.
    """

    request: Request
    predicted: int
    began: float | None = None
    calls: int = 0
    faults: Counter[ErrorClass | None] = field(default_factory=Counter)
    failed: int = 0
    read: int = 0
    written: int = 0
    payable: bool = True

    def unheard(self, read: int | None, written: int | None) -> None:
        """A call may be billed; None is what the server does not say."""
        most = self.request.max_output_tokens
        self.read += self.predicted - most if read is None else 0
        self.written += most if written is None else 0
