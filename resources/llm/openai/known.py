"""What a run knows: of its server, and of each request on its way.

Here: the two records. Not here: who writes them (`dispatch.py`).
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from resources.errors import ErrorClass
from resources.llm.base import Request
from resources.llm.openai.client import Dialect
from resources.llm.openai.concurrency import Concurrency
from resources.llm.openai.rates import Rates
from resources.llm.openai.retries import Patience
from resources.llm.tokens import Calibration

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
    """

    request: Request
    predicted: int
    began: float | None = None
    calls: int = 0
    faults: Counter[ErrorClass | None] = field(default_factory=Counter)
    failed: int = 0
