"""The lines of a Batch API's files: requests out, answers in.

Here: both directions, and what a job's files come to as a whole; pure. Not here: what one answer
means, which is the same as of a call (`resources/llm/openai/answers.py`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from resources.errors import ErrorClass
from resources.llm.base import Completion, Request
from resources.llm.openai.answers import Feature, judge
from resources.llm.openai.client import Dialect

_URL: Final = "/v1/chat/completions"
_UNPAID: Final = frozenset({"batch_expired", "batch_cancelled"})
_LONGEST: Final = 300


def line_of(request: Request, model: str, dialect: Dialect) -> bytes:
    """One request as a line of a file, without the end of line."""
    value = {
        "custom_id": request.key,
        "method": "POST",
        "url": _URL,
        "body": dialect.body(model, request),
    }
    # Text of PDFs may hold half a surrogate pair, which no server takes.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True)
class Answer:
    """What came back for one request.

    Attributes:
        completion: The completion; priced by whoever reads it.
        again: Whether asking again may go better: it is no final answer.
        charged: Whether not being answered counts against what is asked.
        feature: What the server does not take of requests, to be left out of the next.
    """

    completion: Completion
    again: bool = False
    charged: bool = True
    feature: Feature | None = None

    def as_record(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def answer_of(record: Mapping[str, Any]) -> Answer:
    """The answer that `as_record` made a record of."""
    value = dict(record["completion"])
    if value["error_class"] is not None:
        value["error_class"] = ErrorClass(value["error_class"])
    return Answer(
        Completion(**value), bool(record["again"]), bool(record["charged"]), record["feature"]
    )


@dataclass
class Answers:
    """What a job's files hold.

    Attributes:
        by_key: The first answer to each request, and those that are missing.
        paid: Every answer that was paid for, second ones and unknown ones too.
        n_duplicate: Answers beyond the first.
        unknown: Lines that answer nothing that was asked, as they came.
        n_torn: Lines that are no JSON.
    """

    by_key: dict[str, Answer] = field(default_factory=dict)
    paid: list[Completion] = field(default_factory=list)
    n_duplicate: int = 0
    unknown: list[bytes] = field(default_factory=list)
    n_torn: int = 0

    @property
    def n_lines(self) -> int:
        """Lines that tell of a request."""
        return len(self.by_key) + self.n_duplicate + len(self.unknown) - self.n_torn

    @property
    def n_missing(self) -> int:
        """Requests that need to be asked again."""
        return sum(answer.again for answer in self.by_key.values())


def read_answers(
    output: bytes, errors: bytes, keys: Collection[str], model: str, missing: Answer | None = None
) -> Answers:
    """What the files of answers and of errors say, in whatever order their lines come.

    Args:
        output: The file of answers, empty when there is none.
        errors: The file of errors, likewise.
        keys: What was asked.
        model: The model that was asked.
        missing: What requests without a line get (`unanswered`), with their own key.
    """
    found = Answers()
    wanted = set(keys)
    for line in _lines(output, errors):
        value = _object(line)
        if value is None:
            found.n_torn += 1
            found.unknown.append(line)
            continue
        key = value.get("custom_id")
        answer = _answer(str(key), value, model)
        if answer.completion.input_tokens or answer.completion.output_tokens:
            found.paid.append(answer.completion)
        if not isinstance(key, str) or key not in wanted:
            found.unknown.append(line)
        elif key in found.by_key:
            found.n_duplicate += 1
        else:
            found.by_key[key] = answer
    if missing is not None:
        for key in wanted - found.by_key.keys():
            found.by_key[key] = _with_key(missing, key)
    return found


def unanswered(model: str, error_class: ErrorClass, error: str, *, charged: bool = True) -> Answer:
    """What a request gets that no line answers; its key is filled in."""
    return Answer(_failed("", model, error_class, error), again=True, charged=charged)


def _lines(*files: bytes) -> Iterator[bytes]:
    for data in files:
        # Not splitlines: a text may hold any of the other ends of line that it knows.
        yield from (line for line in data.split(b"\n") if line.strip())


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _answer(key: str, value: Mapping[str, Any], model: str) -> Answer:
    error, response = value.get("error"), value.get("response")
    if not isinstance(response, dict):
        return _without_response(key, error, model)
    status = response.get("status_code")
    body = json.dumps(response.get("body")).encode()
    verdict = judge(status if isinstance(status, int) else 200, {}, body, cut=False)
    whole = verdict.kind == "whole"
    completion = Completion(
        key=key,
        text=verdict.text,
        finish_reason=verdict.finish_reason,
        input_tokens=verdict.read or 0,
        output_tokens=verdict.written or 0,
        elapsed_ms=0,
        model=verdict.model or model,
        error_class=None if whole else verdict.error_class or ErrorClass.SUMMARY_FAILED,
        error=None if whole else verdict.message or "the provider gave no answer and no reason",
        cost_usd=None,
        cached_input_tokens=verdict.cached,
    )
    final = verdict.kind in ("whole", "failed")
    charged = completion.error_class is not ErrorClass.RATE_LIMITED and verdict.kind != "quota"
    return Answer(completion, again=not final, charged=charged, feature=verdict.feature)


def _without_response(key: str, error: object, model: str) -> Answer:
    """A line that tells only of an error: what was not done until the job ended, mostly."""
    said = error if isinstance(error, dict) else {"message": error}
    code = str(said.get("code") or "")
    text = f"{code} {said.get('message') or ''}".strip()[:_LONGEST] or "no answer and no reason"
    unpaid = code in _UNPAID
    error_class = ErrorClass.RATE_LIMITED if unpaid else ErrorClass.SUMMARY_FAILED
    return Answer(_failed(key, model, error_class, text), again=True, charged=not unpaid)


def _failed(key: str, model: str, error_class: ErrorClass, error: str) -> Completion:
    return Completion(
        key=key,
        text=None,
        finish_reason="error",
        input_tokens=0,
        output_tokens=0,
        elapsed_ms=0,
        model=model,
        error_class=error_class,
        error=error,
    )


def _with_key(answer: Answer, key: str) -> Answer:
    completion = answer.completion
    return Answer(
        _failed(key, completion.model, completion.error_class or ErrorClass.UNKNOWN,
                completion.error or ""),
        answer.again,
        answer.charged,
    )  # fmt: skip


def features(answers: Iterable[Answer]) -> set[Feature]:
    """What the server said that it does not take."""
    return {answer.feature for answer in answers if answer.feature is not None}
