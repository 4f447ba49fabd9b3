"""A small real engine for tests: answers made of the text that it is asked about, faults on demand.

It reads the text between the marks of the prompt and answers with its first words; a text that
holds one of its words of command fails as that says. Every call is noted in a file, so that calls
of killed processes count too.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.docs.tokens import estimate_tokens
from resources.errors import ErrorClass
from resources.llm.base import Completion, FinishReason, Message, Request

N_WORDS = 24


def text_of(messages: Sequence[Message]) -> str:
    """What stands between the marks of a prompt."""
    user = messages[-1].content
    start = user.index("[document]\n") + len("[document]\n")
    return user[start : user.rindex("\n[end of document ")]


def first_words(request: Request) -> str:
    """The answer: the first words of the text, as the JSON that is asked for."""
    words = text_of(request.messages).replace("#", " ").split()[:N_WORDS]
    return json.dumps({"language": "en", "summary": " ".join(words)}, ensure_ascii=False)


@dataclass
class Scripted:
    """An engine that does what it is told.

    Attributes:
        log: A line for each call: the request's key and kind of text.
        answer: Makes an answer of a request.
        faults: By a word in the text, the class that its completion fails with.
        once: By a word in the text, an answer that is given the first time it is asked about.
        at_once: Requests that are taken before the first is answered.
        kill_after: Ends this process once so many answers were given.
        kill_on: Ends it at a text that holds this.
        budget: Calls that are let through; the others fail with class `budget`.
        cost: Of a call; None when not known.
        takes: Tokens of prompt and answer that it takes in truth, whatever `context` says.
        tells: Whether its window is known once it refused a request.
    """

    log: Path | None = None
    answer: Callable[[Request], str] = first_words
    faults: Mapping[str, ErrorClass] = field(default_factory=dict)
    once: dict[str, str] = field(default_factory=dict)
    finish: FinishReason = "stop"
    at_once: int = 8
    kill_after: int | None = None
    kill_on: str | None = None
    budget: int | None = None
    cost: float | None = 0.001
    context: int = 4_000
    name: str = "transformers"
    model: str = "scripted-1"
    threaded: bool = False
    takes: int | None = None
    tells: bool = False
    refused: list[Request] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    closed: int = 0

    @property
    def context_tokens(self) -> int:
        return self.context

    def version_inputs(self) -> Mapping[str, str]:
        return {"model": self.model}

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(estimate_tokens(message.content) + 4 for message in messages)

    def close(self) -> None:
        self.closed += 1

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Takes some, answers the last of them, takes another: never in order."""
        held: list[Request] = []
        source = iter(requests)
        more = True
        while more or held:
            while more and len(held) < self.at_once:
                found = self._pull(source)
                more = found is not None
                held += [found] if found is not None else []
            if held:
                yield self._completion(held.pop())

    def _pull(self, source: Iterator[Request]) -> Request | None:
        if not self.threaded:
            return next(source, None)
        got: list[Request | None] = []
        thread = threading.Thread(target=lambda: got.append(next(source, None)))
        thread.start()
        thread.join()
        return got[0]

    def _completion(self, request: Request) -> Completion:
        if self.kill_after is not None and len(self.asked) >= self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        text = text_of(request.messages)
        if self.kill_on is not None and self.kill_on in text:
            os.kill(os.getpid(), signal.SIGKILL)
        fault = next((error for word, error in self.faults.items() if word in text), None)
        if fault is None and self.budget is not None and len(self.asked) >= self.budget:
            fault = ErrorClass.BUDGET
        needed = request.n_input_tokens + request.max_output_tokens
        if self.takes is not None and needed > self.takes:
            fault = ErrorClass.TOO_LARGE
            self.refused.append(request)
            self.context = self.takes if self.tells else self.context
        if fault is not None:
            return Completion(
                request.key, None, "error", 0, 0, 1, self.model,
                error_class=fault, error=f"it is {fault}", cost_usd=0.0,
            )  # fmt: skip
        self.asked.append(request)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{request.key}\n")
        word = next((word for word in self.once if word in text), None)
        answer = self.answer(request) if word is None else self.once.pop(word)
        whole = self.finish == "stop"
        return Completion(
            request.key, answer if whole else None, self.finish,
            request.n_input_tokens, estimate_tokens(answer), 5, self.model, cost_usd=self.cost,
        )  # fmt: skip
