"""What an answer of a chat-completions server means: one verdict per call, never a guess.

Here: status, headers and body to a `Verdict`; pure. Not here: sending (`client.py`), what is done
about a verdict (`dispatch.py`), whether the text is a good summary (the stage that asked).

Servers differ: HTML comes with status 200 from gateways, errors come inside a 200 from routers,
`finish_reason=length` and empty `choices` come as success. Only a whole answer is `whole`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from resources.errors import ErrorClass
from resources.llm.base import FinishReason
from resources.llm.openai.retries import retry_after

Kind = Literal[
    "whole",  # an answer that may be used
    "failed",  # this request is at its end, with a class
    "rejected",  # a 4xx for this request, or for the way we ask: history tells
    "busy",  # too many calls: wait and ask again
    "faulty",  # the server's error or a broken answer: ask again a few times
    "unsent",  # no connection: ask again
    "unsupported",  # a part of the request that this server does not know: ask without it
    "quota",  # the account has nothing left
    "fatal",  # no request can be answered
]
Feature = Literal["response_format", "temperature", "max_tokens"]

MAX_CALLS: Final = 6
"""Calls for one request that the server answers with errors of its own."""
MAX_BROKEN: Final = 3
"""Of these, answers with status 200 that are no answer: they may have been paid for."""
MAX_TIMEOUTS: Final = 2
"""A call that ran out of time may be paid for too."""
_LONGEST_MESSAGE: Final = 300
_STOPS: Final = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence"})
_RETRIED: Final = frozenset({408, 409, 425})
_GATEWAY_TIMEOUTS: Final = frozenset({504, 524})
"""A gateway gave up; the model behind it may have gone on, and be billed."""
_QUOTA: Final = re.compile(
    r"insufficient_quota|exceeded your current quota|billing_hard_limit|insufficient (?:credit"
    r"|balance|funds)|credit balance is too low",
    re.IGNORECASE,
)
_TOO_LONG: Final = re.compile(
    r"context_length_exceeded|context[ _](?:length|window|size)|maximum model length"
    r"|max_model_len|prompt is too long|input is too long|too many (?:input )?tokens"
    r"|exceeds? the (?:available|maximum) (?:context|number of tokens)|string too long",
    re.IGNORECASE,
)
_WINDOW: Final = re.compile(
    r"(?:context[ _](?:length|window|size)|model length)\D{0,12}?(\d{3,8})\b", re.IGNORECASE
)
"""vLLM, SGLang, llama-server and OpenAI say what they take next to these words."""
_FILTERED: Final = re.compile(
    r"content_filter|content_policy|content management policy|responsible ?ai|safety", re.IGNORECASE
)
_NO_MODEL: Final = re.compile(r"model", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What came of one call.

    Attributes:
        kind: What is to be done.
        error_class: Why there is no answer, once nothing more is tried; None for a whole one.
        message: What happened, for people; never holds the key.
        text: The answer.
        model: The model that the server says it used; "" when it does not say.
        finish_reason: Why generation ended.
        read: Tokens of the prompt as the server counts them; None when it does not.
        written: Tokens of the answer, likewise.
        cached: Of those read, tokens that the server had in its cache.
        retry_after: Seconds that the server asks to wait.
        max_calls: Calls that are made at most while this is the answer.
        throttled: Whether fewer calls at once may help.
        feature: What an `unsupported` request is sent again without.
        unheard: Whether the call may be billed though the server does not say for what; what it
            does not count is counted from above.
        window: Tokens of prompt and answer that the server says it takes, of a request too large.
    """

    kind: Kind
    error_class: ErrorClass | None = None
    message: str = ""
    text: str | None = None
    model: str = ""
    finish_reason: FinishReason = "error"
    read: int | None = None
    written: int | None = None
    cached: int = 0
    retry_after: float | None = None
    max_calls: int = MAX_CALLS
    throttled: bool = False
    feature: Feature | None = None
    unheard: bool = False
    window: int | None = None


def judge(status: int, headers: Mapping[str, str], body: bytes, *, cut: bool) -> Verdict:
    """The verdict on an HTTP answer; header names are in lower case, or the mapping ignores case.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: As far as it was read.
        cut: Whether it went on beyond what is read.
    """
    if 300 <= status < 400:
        place = re.sub(r"[?#].*", "", headers.get("location", "an unnamed place"))
        return Verdict(
            "fatal",
            message=f"the server redirects to {place[:_LONGEST_MESSAGE]} and the key is not sent "
            "there: if that is right, set QUIRE_BASE_URL to it",
        )
    if cut:
        return Verdict(
            "failed",
            ErrorClass.INVALID_OUTPUT,
            f"an answer of more than {len(body)} bytes",
            unheard=True,
        )
    value = _json(body)
    if status >= 400:
        return _error(status, headers, value, body)
    if not isinstance(value, dict):
        is_page = body.lstrip()[:1] == b"<"  # a gateway's: no model was asked
        kind = "HTML" if is_page else "no JSON"
        return Verdict(
            "faulty",
            ErrorClass.INVALID_OUTPUT,
            f"status {status} with {kind} in place of an answer: {_start(body)}",
            max_calls=MAX_BROKEN,
            unheard=not is_page,
        )
    if value.get("error") and not value.get("choices"):
        inner = value["error"].get("code") if isinstance(value["error"], dict) else None
        inner_status = inner if isinstance(inner, int) and 400 <= inner < 600 else 500
        return _error(inner_status, headers, value, body)
    return _answer(value)


def _details(usage: dict[str, Any]) -> dict[str, Any]:
    details = usage.get("prompt_tokens_details")
    return details if isinstance(details, dict) else {}


def _answer(value: dict[str, Any]) -> Verdict:
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    model = value.get("model")
    known: dict[str, Any] = {
        "model": model if isinstance(model, str) else "",
        "read": _count(usage.get("prompt_tokens")),
        "written": _count(usage.get("completion_tokens")),
        "cached": _count(_details(usage).get("cached_tokens")) or 0,
        "unheard": True,  # as far as it is not counted above
    }
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Verdict("failed", ErrorClass.INVALID_OUTPUT, "an answer without choices", **known)
    finish, refusal, text = choice.get("finish_reason"), message.get("refusal"), _text(message)
    if refusal or finish == "content_filter":
        why = refusal if isinstance(refusal, str) else "content filter"
        known["finish_reason"] = "refused"
        return Verdict("failed", ErrorClass.REFUSED, f"the model refused: {_short(why)}", **known)
    if finish == "length":
        known["finish_reason"] = "length"
        return Verdict(
            "failed",
            ErrorClass.TRUNCATED_OUTPUT,
            "the answer was cut at its limit: raise QUIRE_SUMMARY_TOKENS, or turn the model's "
            "thinking off",
            **known,
        )
    if finish not in _STOPS:
        why = f"generation ended as {_short(repr(finish))}"
        return Verdict("failed", ErrorClass.INVALID_OUTPUT, why, **known)
    if text is None or not text.strip():
        return Verdict("failed", ErrorClass.INVALID_OUTPUT, "an answer without text", **known)
    return Verdict("whole", text=text, **{**known, "finish_reason": "stop"})


def _error(status: int, headers: Mapping[str, str], value: object, body: bytes) -> Verdict:
    said, words = _said(value, body)
    wait = retry_after(headers)
    line = f"status {status}: {said}" if said else f"status {status}"
    if status == 402 or (status in (403, 429) and _QUOTA.search(words)):
        return Verdict("quota", ErrorClass.BUDGET, f"the provider's quota is used up ({line})")
    if status == 429:
        return Verdict("busy", ErrorClass.RATE_LIMITED, line, retry_after=wait, throttled=True)
    if status >= 500 or status in _RETRIED:
        overloaded = status in (503, 529)
        error_class = ErrorClass.RATE_LIMITED if overloaded else ErrorClass.SUMMARY_FAILED
        return Verdict(
            "faulty",
            error_class,
            line,
            retry_after=wait,
            throttled=overloaded,
            unheard=status in _GATEWAY_TIMEOUTS,
        )
    if status == 401:
        # What the server says of a key may hold a part of it.
        return Verdict("fatal", message="the server refuses the key (401): check QUIRE_API_KEY")
    if status == 404:
        what = "this model" if _NO_MODEL.search(words) else "chat completions at this address"
        mend = "QUIRE_MODEL" if _NO_MODEL.search(words) else "QUIRE_BASE_URL (it ends in /v1)"
        return Verdict("fatal", message=f"the server has no {what} ({line}): check {mend}")
    if status == 413 or _TOO_LONG.search(words):
        return Verdict(
            "failed",
            ErrorClass.TOO_LARGE,
            f"more than the model's context window ({line}): check QUIRE_CONTEXT_TOKENS",
            window=_window(value, words),
        )
    if _FILTERED.search(words):
        return Verdict("failed", ErrorClass.REFUSED, line, finish_reason="refused")
    if status == 403:
        return Verdict("rejected", ErrorClass.REFUSED, line, finish_reason="refused")
    feature = _unsupported(words)
    if feature is not None:
        return Verdict("unsupported", ErrorClass.SUMMARY_FAILED, line, feature=feature)
    return Verdict("rejected", ErrorClass.SUMMARY_FAILED, line)


def _window(value: object, words: str) -> int | None:
    """Tokens that a server says it takes, in its own field or in words."""
    error = value.get("error") if isinstance(value, dict) else None
    told = _count(error.get("n_ctx")) if isinstance(error, dict) else None
    if told is None and (found := _WINDOW.search(words)) is not None:
        told = int(found.group(1))
    return told


def _unsupported(words: str) -> Feature | None:
    if re.search(r"response_format|json_schema|guided|structured|grammar", words, re.IGNORECASE):
        return "response_format"
    if "max_completion_tokens" in words:
        return "max_tokens"
    return "temperature" if "temperature" in words else None


def _said(value: object, body: bytes) -> tuple[str, str]:
    """What an error says, for people; and all its words, to be searched."""
    if not isinstance(value, dict):
        return _start(body), _start(body)
    error = value.get("error", value)
    if isinstance(error, dict):
        parts = [error.get("message") or error.get("detail"), error.get("code"), error.get("type")]
        # A provider's error may hold the prompt: only its own words are searched.
        words = " ".join(str(part)[:2_000] for part in (*parts, error.get("param")) if part)
        return _short(str(parts[0] or words)), words
    return _short(str(error)), str(error)[:2_000]


def _json(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def _text(message: dict[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, list):  # parts, as some servers send them
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _start(body: bytes) -> str:
    return _short(body[: 4 * _LONGEST_MESSAGE].decode("utf-8", "replace"))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
