"""What a model answered, judged before it becomes anything: an answer, or a failure with a class.

Here: reading the JSON, and checks of length, language, repetition, names, numbers, addresses and
echoes against the text that was asked about. Not here: how names, numbers and languages are
compared (`grounding.py`), and what is done about a failure (`documents.py`).

A check that cannot be sure passes: one that fails good summaries costs money and documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assets.summaries.grounding import (
    grounded_share,
    is_unspaced,
    other_language,
    repeated_share,
)
from assets.summaries.prompt import CLOSING, OPENING, Limits, code_of
from assets.summaries.visible import without_unseen
from resources.errors import ErrorClass
from resources.llm.base import Completion, Message

MIN_LETTERS: Final = 20
"""A shorter answer about a text of ten times that says nothing ("N/A", "See the document.")."""
MAX_REPEATED: Final = 0.3
"""Share of an answer's 4-grams of words that stand in it before. Of 42 documents of the corpus in
eight languages, extractive summaries and the first 1,200 characters of the body have 0.23 at most;
a model that goes round in circles has over 0.5."""
MIN_GROUNDED: Final = 0.5
"""Share of an answer's names and numbers that occur in the text. The six abstracts in the corpus
have 1.0 of what follows them, though written by others; of 696 pairs of an extractive summary and
another English document 84 % are below this, of half of them 75 % of the items are strange."""
MIN_ITEMS: Final = 3
"""With fewer names or numbers a share says nothing."""
ECHO_WORDS: Final = 8
"""Words in a row that stand in the instructions and not in the text."""
_THINKING: Final = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)
_WORD: Final = re.compile(r"\w+")
_URL: Final = re.compile(r"(?i)\b(?:https?://|ftp://|www\.)[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.\w{2,}")
_FILLING: Final = re.compile(r"(\w)\1{7}|([^\w\s])\2{11}")


@dataclass(frozen=True)
class Verdict:
    """A summary, or the class of failure and what is wrong."""

    summary: str | None
    error_class: ErrorClass | None = None
    error: str | None = None

    @property
    def may_ask_again(self) -> bool:
        """Whether stricter words may mend it; what an engine says is wrong, no words mend."""
        return self.error_class is ErrorClass.INVALID_OUTPUT


def judged(
    completion: Completion,
    source: str,
    language: str | None,
    messages: Sequence[Message],
    limits: Limits,
) -> Verdict:
    """What a completion is worth.

    Args:
        completion: What the engine gave.
        source: The text that was asked about.
        language: The text's language, None when unsure.
        messages: What was asked.
        limits: Of the answer.
    """
    if completion.error_class is not None:
        return Verdict(None, completion.error_class, completion.error)
    if completion.finish_reason != "stop" or completion.text is None:
        error_class = _REASONS.get(completion.finish_reason, ErrorClass.SUMMARY_FAILED)
        return Verdict(None, error_class, f"the model ended with {completion.finish_reason!r}")
    summary = read_answer(completion.text)
    if summary is None:
        return _invalid("the answer is not the JSON object that was asked for")
    fault = fault_of_summary(summary, source, language, messages, limits)
    return Verdict(summary) if fault is None else _invalid(fault)


_REASONS: Final = {"length": ErrorClass.TRUNCATED_OUTPUT, "refused": ErrorClass.REFUSED}


def _invalid(fault: str) -> Verdict:
    return Verdict(None, ErrorClass.INVALID_OUTPUT, f"the model's answer cannot be used: {fault}")


def read_answer(text: str) -> str | None:
    """The summary of the one JSON object of an answer, in one paragraph; None when it has none.

    Code fences, a line of talk before the object and a reasoner's thoughts are taken off.
    """
    start = (bare := _THINKING.sub("", text, count=1)).find("{")
    if start < 0:
        return None
    try:
        found: Any
        found, _ = json.JSONDecoder(strict=False).raw_decode(bare[start:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("language"), str):
        return None
    summary = found.get("summary")
    return " ".join(without_unseen(summary).split()) if isinstance(summary, str) else None


def fault_of_summary(
    summary: str,
    source: str,
    language: str | None,
    messages: Sequence[Message],
    limits: Limits,
) -> str | None:
    """What is wrong with a summary, in words; None when nothing is."""
    letters = sum(map(str.isalpha, summary))
    if letters < MIN_LETTERS and len(source) >= 10 * MIN_LETTERS and not is_unspaced(summary):
        return f"it has {letters} letters"
    if not letters:
        return "it has no letters"
    if len(summary) > limits.chars:
        return f"it has {len(summary)} characters, of {limits.chars} at most"
    try:
        summary.encode()
    except UnicodeEncodeError:
        return "it is no valid text"
    return (
        _echo(summary, source, messages)
        or _repetition(summary)
        or _other_language(summary, source, language)
        or _addresses(summary, source)
        or _inventions(summary, source)
    )


def _other_language(summary: str, source: str, language: str | None) -> str | None:
    written = other_language(summary, source, language)
    return None if written is None else f"it is in {written}, the text is in {language}"


def _repetition(summary: str) -> str | None:
    if _FILLING.search(summary):
        return "it repeats one character"
    share = repeated_share(summary)
    return f"{share:.0%} of it repeats what it said" if share > MAX_REPEATED else None


def _addresses(summary: str, source: str) -> str | None:
    folded = source.casefold()
    for found in _URL.finditer(summary):
        if found.group().rstrip(".,;:!?").casefold() not in folded:
            return "it holds an address that the text does not"
    return None


def _echo(summary: str, source: str, messages: Sequence[Message]) -> str | None:
    """The instructions, or the lines around the text, told back."""
    folded = summary.casefold()
    for mark in (OPENING, CLOSING, code_of(source), "{{"):
        if mark in folded and mark not in source.casefold():
            return "it repeats the marks around the text"
    around = "\n".join(message.content for message in messages).replace(source, "\n")
    told = set(_runs(around)) & set(_runs(summary))
    if told and not told <= set(_runs(source)):
        return "it repeats the instructions"
    return None


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return (tuple(words[i : i + ECHO_WORDS]) for i in range(len(words) - ECHO_WORDS + 1))


def _inventions(summary: str, source: str) -> str | None:
    share, n = grounded_share(summary, source)
    if n >= MIN_ITEMS and share < MIN_GROUNDED:
        return f"{share:.0%} of its {n} names and numbers occur in the text"
    return None
