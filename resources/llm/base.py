"""What a language model is to Quire: requests in, one completion per request out.

Here: the protocol and its records. Not here: any engine (`transformers/`, `openai/`), what is asked
(`assets/summaries/prompts`), what is spent (`resources/budget`).

An engine takes requests lazily and gives completions as they are done, in any order, so that a
caller keeps each before the next and may stop between them (closing the iterator ends what is in
flight). It raises only when it cannot go on at all (`EngineError`: no model, no server, no quota);
what is wrong with one request is that request's completion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from resources.errors import ErrorClass

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "refused", "error"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Request:
    """One thing to generate.

    Attributes:
        key: What tells this request from every other: the hash of messages, limits, model and
            prompt version. Its completion may be kept and used again under it.
        messages: The conversation; the last one is the user's.
        max_output_tokens: Where generation is cut, which makes the completion a failure.
        schema: JSON schema of the answer, for engines that can hold a model to it.
        n_input_tokens: Tokens of the rendered messages, as the engine counts or estimates them.
        group: Requests of one group share a prefix: they are sent one after another.
    """

    key: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    schema: Mapping[str, Any] | None = None
    n_input_tokens: int = 0
    group: str = ""


@dataclass(frozen=True)
class Completion:
    """What came of a request.

    Attributes:
        key: The request's.
        text: What was generated; None when there is nothing that may be used.
        finish_reason: Why generation ended; only `stop` is a whole answer.
        input_tokens: Tokens read, as the engine or server counted them; what was paid for, by all
            calls for the request.
        output_tokens: Tokens written, likewise.
        elapsed_ms: From its start to its end, retries included.
        model: What the server says that it used; the engine's own name for local models.
        attempts: Calls that were made for it (paid or not).
        error_class: None for a whole answer.
        error: What happened and what mends it.
        cost_usd: What it cost; None when the price is not known, 0.0 when free. Engines that are
            not told leave it: `resources/budget` prices completions.
        cached_input_tokens: Of the input, those that the server had read before and sells cheaper.
        unheard_output_tokens: Of the output, those of calls that may be billed and that nobody
            heard the end of (a time-out, a dropped connection): counted from above, as the most
            that each could write. Their input is in `input_tokens`, as predicted.
    """

    key: str
    text: str | None
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    elapsed_ms: int
    model: str
    attempts: int = 1
    error_class: ErrorClass | None = None
    error: str | None = None
    cost_usd: float | None = 0.0
    cached_input_tokens: int = 0
    unheard_output_tokens: int = 0


class Engine(Protocol):
    """A language model that answers: on this machine, or a server."""

    @property
    def name(self) -> str:
        """The value of QUIRE_SUMMARISER that chose it."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together that the model takes."""

    def version_inputs(self) -> Mapping[str, str]:
        """Everything that changes what it writes: model, revision, quantisation, libraries."""

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of rendered messages, by the model's own tokenizer or an estimate from above."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, as they are done."""

    def close(self) -> None:
        """Let go of the model, its memory and its connections."""


@runtime_checkable
class AsksBeforePayingAgain(Protocol):
    """An engine that may make several calls for one request, each of which may be billed."""

    def before_paying_again(self, ask: Callable[[Request], bool] | None) -> None:
        """Ask this, from any thread, before such a call; where it says no, the request ends."""
