"""A language model that stops before a budget is overspent, around any other engine.

Here: the engine. Not here: which requests are let through (`flow.py`), the budget's book
(`ledger.py`), prices (`prices.py`), or the engine inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from resources.budget.amounts import Amount, Budget
from resources.budget.flow import Flow, Pace
from resources.budget.ledger import Ledger, Spender
from resources.budget.predictions import OutputForecast, past_output
from resources.budget.prices import Prices
from resources.lake.lake import Lake
from resources.llm.base import AsksBeforePayingAgain, Completion, Engine, Message, Request
from resources.settings import Settings


def budgeted(engine: Engine, lake: Lake, settings: Settings, spender: Spender) -> BudgetedEngine:
    """An engine under the budget and prices of these settings.

    Raises:
        SettingError: Prices cannot be read, or there is a budget of money and no price.
        LakeError: The lake cannot be read.
    """
    ledger = Ledger(lake, Budget.of(settings), spender)
    return BudgetedEngine(engine, ledger, Prices.of(settings))


class BudgetedEngine:
    """Passes everything through but requests that the budget has no room for."""

    def __init__(self, engine: Engine, ledger: Ledger, prices: Prices) -> None:
        """Look up what is needed to foresee costs.

        Raises:
            SettingError: There is a budget of money, and the model's price is not known.
            LakeError: The lake cannot be read.
        """
        prices.require(engine.model, ledger.budget)
        self.engine = engine
        self.ledger = ledger
        self.prices = prices
        spender = ledger.spender
        self.forecast = OutputForecast(past_output(ledger.lake, spender.stage, spender.version))
        self.pace = Pace()

    @property
    def name(self) -> str:
        """The engine's."""
        return self.engine.name

    @property
    def model(self) -> str:
        """The engine's."""
        return self.engine.model

    @property
    def context_tokens(self) -> int:
        """The engine's."""
        return self.engine.context_tokens

    def version_inputs(self) -> Mapping[str, str]:
        """The engine's: what is spent changes no answer."""
        return self.engine.version_inputs()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The engine's."""
        return self.engine.count_tokens(messages)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def expect(self, request: Request) -> Amount:
        """What one call is expected to cost; its input is taken from above."""
        read = request.n_input_tokens or self.engine.count_tokens(request.messages)
        written = self.forecast.expect(request.max_output_tokens)
        return Amount(1, read, written, self.prices.cost(self.model, read, written))

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, as they are done; priced, or of class `budget`.

        Raises:
            EngineError: The engine cannot go on.
            LakeError: The lake cannot be read or written: no call is made that is not reserved.
        """
        flow = Flow(self, iter(requests))
        if self.ledger.budget.limited and isinstance(self.engine, AsksBeforePayingAgain):
            self.engine.before_paying_again(flow.pay_again)
        try:
            while flow.prepare():
                yield from flow.blocked()
                if flow.is_ready:
                    yield from self._round(flow)
        finally:
            flow.end()

    def _round(self, flow: Flow) -> Iterator[Completion]:
        """Requests for as long as the budget lets them through, and all of their answers."""
        before = flow.n_admitted
        answers = self.engine.generate(flow.admitted())
        try:
            for answer in answers:
                yield flow.answered(answer)
                yield from flow.blocked()
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        flow.end_round(before)
