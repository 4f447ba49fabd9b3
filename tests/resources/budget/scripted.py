"""A small real engine: answers after a script, counts what it does, and spends what it is told to.

A child process runs `main` to spend on a lake that others spend on too.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resources.budget.amounts import Budget
from resources.budget.engine import BudgetedEngine
from resources.budget.ledger import Ledger, Spender
from resources.budget.prices import Price, Prices
from resources.errors import EngineError, ErrorClass
from resources.lake.lake import Lake
from resources.llm.base import Completion, Message, Request

MODEL = "scripted-1"
PRICE = Price(input=1.0, output=2.0)
VERSION = "summaries-r1-scripted-0"


@dataclass
class Scripted:
    """Takes `window` requests before it answers the first; writes `output` tokens, or the cap."""

    window: int = 1
    output: int | None = None
    input_factor: float = 1.0
    seconds: float = 0.0
    log: Path | None = None
    fails_after: int | None = None
    says: str = MODEL
    model: str = MODEL
    name: str = "scripted"
    context_tokens: int = 10_000
    taken: list[str] = field(default_factory=list)
    spent: int = 0
    closed: bool = False

    def version_inputs(self) -> Mapping[str, str]:
        return {"model": self.model}

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages)

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        source, held, ended = iter(requests), deque[Request](), False
        while held or not ended:
            while not ended and len(held) < self.window:
                request = next(source, None)
                if request is None:
                    ended = True
                else:
                    self.taken.append(request.key)
                    held.append(request)
            if held:
                yield self._answer(held.popleft())

    def _answer(self, request: Request) -> Completion:
        if self.fails_after is not None and self.spent >= self.fails_after:
            raise EngineError("the server is gone")
        time.sleep(self.seconds)
        read = int(request.n_input_tokens * self.input_factor)
        written = request.max_output_tokens if self.output is None else self.output
        self.spent += read + written
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{read + written}\n")
        return Completion(request.key, "an answer", "stop", read, written, 5, self.says)

    def close(self) -> None:
        self.closed = True


def request(number: int, read: int = 100, cap: int = 50) -> Request:
    message = Message("user", "x" * read)
    return Request(f"k{number}", (message,), cap, n_input_tokens=read)


def ledger(lake: Lake, budget: Budget, run_id: str = "run") -> Ledger:
    return Ledger(lake, budget, Spender(run_id, "summaries", "b00000001", VERSION))


def engine(lake: Lake, budget: Budget, inner: Scripted, run_id: str = "run") -> BudgetedEngine:
    return BudgetedEngine(inner, ledger(lake, budget, run_id), Prices({MODEL: PRICE}))


def blocked(answers: Sequence[Completion]) -> list[Completion]:
    return [answer for answer in answers if answer.error_class is ErrorClass.BUDGET]


def main(root: str, run_id: str, tokens: str, n: str, log: str, seconds: str) -> None:
    inner = Scripted(window=4, output=30, log=Path(log), seconds=float(seconds))
    budgeted = engine(Lake(root), Budget(tokens=int(tokens)), inner, run_id)
    for _ in budgeted.generate(request(number) for number in range(int(n))):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
