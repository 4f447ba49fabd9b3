"""From a text to a request with the key that its answer is kept under.

Here: keys, limits, languages of a text, and whether a request fits the model's window. Not here:
the words (`prompt.py`), what is cut (`chunking.py`), or judging answers (`answer.py`).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from assets.docs.tokens import estimate_tokens
from assets.summaries.answer import Verdict, judged
from assets.summaries.prompt import Kind, Limits, messages_of, prompt_version, schema_of
from resources.errors import SettingError
from resources.llm.base import Completion, Engine, Request
from resources.summariser.language import guess_language

LARGEST_PART: Final = 8_000
"""Estimated tokens of a part, however wide the model's window: what a changed page costs anew."""
MARGIN: Final = 0.9
"""Of the window: chat templates add some tokens a message, and servers count slightly otherwise."""
HALVINGS: Final = 3
"""A tokenizer that needs over twice the estimate (90 % more was seen, on Thai) gets half parts; the
cuts depend on whole halvings only, so that they do not move with a tokenizer's details."""
MIN_PARTS: Final = 4
"""Notes that must fit a request at least, so that joining them comes to an end."""


@dataclass(frozen=True)
class Ask:
    """One question about one text.

    Attributes:
        kind: Of what the text is.
        text: What is asked about.
        language: The text's, None when unsure.
        request: What the engine gets.
        prompt_version: Of the words around the text.
        limits: Of the answer.
        again: Whether it is asked a second time, more strictly.
    """

    kind: Kind
    text: str
    language: str | None
    request: Request
    prompt_version: str
    limits: Limits
    again: bool = False

    def judge(self, completion: Completion) -> Verdict:
        """The answer that a completion holds, or why it holds none."""
        return judged(completion, self.text, self.language, self.request.messages, self.limits)


class Asking:
    """Makes the requests of one run: one model, one set of limits."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        """Find out how much text fits.

        Raises:
            SettingError: The window holds hardly more than the prompt itself.
        """
        self.engine = engine
        self.limits = limits
        self._inputs = dict(engine.version_inputs())
        self.narrowed_to: int | None = None
        """Tokens of a question of one document, where the engine's window was found wrong."""
        self._overhead = max(
            engine.count_tokens(messages_of(kind, "", None, limits, again=True)) for kind in _KINDS
        )
        self.require_room()

    @property
    def _window(self) -> int:
        """Tokens of a question at most; an engine may learn meanwhile that it takes less."""
        told = int(self.engine.context_tokens * MARGIN) - self.limits.tokens
        return told if self.narrowed_to is None else min(told, self.narrowed_to)

    @property
    def budget(self) -> int:
        """Estimated tokens of a part at most."""
        return min(LARGEST_PART, self._window - self._overhead)

    @property
    def has_room(self) -> bool:
        """Whether enough is left for a text."""
        return self.budget >= MIN_PARTS * self.limits.tokens

    def require_room(self) -> None:
        """See that the engine's own window leaves enough for a text.

        Raises:
            SettingError: It holds hardly more than the prompt itself.
        """
        if self.narrowed_to is None and not self.has_room:
            raise SettingError(
                f"{self.engine.model} takes {self.engine.context_tokens} tokens: with "
                f"{self._overhead} of the prompt and answers of {self.limits.tokens} too few are "
                "left for a text. Set QUIRE_CONTEXT_TOKENS to what the server takes, "
                "QUIRE_SUMMARY_TOKENS lower, or choose another QUIRE_MODEL"
            )

    def narrowed(self, ask: Ask) -> Asking:
        """The same for a document of which the engine found this question too large.

        What a server says of its window the engine knows by now. Where it says nothing, or the text
        has more tokens than were counted, the window is halved: whole times, so that another run
        cuts the document at the same places and finds its answers.
        """
        narrow = copy.copy(self)
        window = self._window
        while window > 0 and window >= ask.request.n_input_tokens:
            window //= 2
        if window < self._window:
            narrow.narrowed_to = window
        return narrow

    def ask(
        self,
        kind: Kind,
        text: str,
        language: str | None = None,
        *,
        group: str = "",
        again: bool = False,
    ) -> Ask:
        """A question about a text; its language is guessed where none is given."""
        language = language or guess_language(text)
        messages = messages_of(kind, text, language, self.limits, again=again)
        version = prompt_version(kind, again=again)
        schema = schema_of(self.limits)
        request = Request(
            key=_key(self._inputs, version, messages, self.limits.tokens, schema),
            messages=messages,
            max_output_tokens=self.limits.tokens,
            schema=schema,
            n_input_tokens=self.engine.count_tokens(messages),
            group=group,
        )
        return Ask(kind, text, language, request, version, self.limits, again)

    def again(self, ask: Ask) -> Ask:
        """The same question, asked more strictly."""
        asked = self.ask(ask.kind, ask.text, ask.language, again=True)
        return replace(asked, request=replace(asked.request, group=ask.request.group))

    def fits(self, ask: Ask) -> bool:
        """Whether the model's window holds the question and its answer."""
        return ask.request.n_input_tokens <= self._window

    def may_fit(self, text: str) -> bool:
        """Whether counting a text's tokens is worth it; no tokenizer needs half the estimate."""
        return estimate_tokens(text) <= 2 * self._window


_KINDS: Final[tuple[Kind, ...]] = ("summary", "chunk", "reduce")


def _key(
    inputs: Mapping[str, str],
    version: str,
    messages: tuple[Any, ...],
    max_output_tokens: int,
    schema: Mapping[str, Any],
) -> str:
    parts = [
        sorted(inputs.items()),
        version,
        [asdict(message) for message in messages],
        max_output_tokens,
        schema,
    ]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
