"""Requests to the server of surya's model, each ending in an answer or in an error with a class.

Here: HTTP, tries, waiting when the server says so, and when the server counts as gone. surya's own
client takes every error for an empty page, and does not say why. Not here: what is asked
(`manager.py`), how many requests are in flight (`window.py`).
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from resources.errors import DocumentError, EngineError, ErrorClass
from resources.ocr.surya.server import SuryaServer
from resources.ocr.surya.window import Window

TRIES: Final = 3
"""Of a request that the server failed (HTTP 500 and above) or dropped."""
FIRST_WAIT: Final = 0.5
"""Seconds before the second try; twice as long before the third, and up to half as long again."""
MAX_UNANSWERED: Final = 8
"""Requests in a row without an answer, after all tries, from which on the server counts as gone:
the pages after them would only fail too."""
HEALTH_TIMEOUT: Final = 10.0
MAX_ANSWER: Final = 32 * 2**20
"""Bytes of an answer: 12,288 tokens with their probabilities are under 2 MB."""
_TOO_MUCH: Final = (429, 503)
_WRONG_ADDRESS: Final = (401, 403, 404)


@dataclass(frozen=True)
class Reply:
    """What the server said: text, why it ended, tokens, and how sure the model was (0-1)."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    mean_probability: float | None


class _TryAgainError(Exception):
    """The server failed or dropped the request; another try may go well."""

    def __init__(self, text: str, *, is_connection: bool) -> None:
        super().__init__(text)
        self.is_connection = is_connection


class _WaitError(Exception):
    """The server has too much to do; seconds to wait, if it says them."""

    def __init__(self, status: int, seconds: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.seconds = seconds


class Client:
    """One run's connection to the server; safe to use from several threads."""

    def __init__(
        self,
        server: SuryaServer,
        *,
        call_timeout: float,
        most: int,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        """Nothing is asked yet.

        Args:
            server: Where.
            call_timeout: Seconds that one call may take, and that are waited for a server with too
                much to do (QUIRE_CALL_TIMEOUT).
            most: Requests in flight (QUIRE_MAX_CONCURRENCY).
            first_wait: Seconds before the second try.
        """
        self.server = server
        self.window = Window(most)
        self.call_timeout = call_timeout
        self.first_wait = first_wait
        self._unanswered = 0
        self._lock = threading.Lock()
        self._http = httpx.Client(
            timeout=httpx.Timeout(call_timeout, connect=HEALTH_TIMEOUT, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=most),
            headers={"Authorization": f"Bearer {server.api_key}"},
        )

    def attach(self) -> None:
        """See that the server is there and serves the model.

        Raises:
            EngineError: It does not answer, or serves another model.
        """
        where = self.server.url
        try:
            health = self._http.get(self.server.health, timeout=HEALTH_TIMEOUT)
            listed = self._http.get(f"{where}/models", timeout=HEALTH_TIMEOUT)
            models = [str(each["id"]) for each in listed.json()["data"]]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._gone(f"does not answer ({type(error).__name__}: {error})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise self._gone("answers with something else than a list of models") from error
        if health.status_code != httpx.codes.OK:
            raise self._gone(f"is not healthy (HTTP {health.status_code} from /health)")
        if models[:1] != [self.server.model]:
            served = repr(models[0]) if models else "no model"
            raise EngineError(
                f"the server at {where} serves {served}, and SURYA_MODEL_CHECKPOINT is "
                f"{self.server.model!r}: serve that model, or set the variable to what is served"
            )

    def _gone(self, what: str) -> EngineError:
        return EngineError(
            f"the OCR server at {self.server.url} {what}: start it, or see that "
            "SURYA_INFERENCE_URL is right"
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(self, body: dict[str, Any]) -> Reply:
        """The server's answer to one chat completion.

        Raises:
            DocumentError: What became of this request: `timeout`, `ocr_failed` (the server failed
                at it), `invalid_output` (rubbish), `rate_limited`.
            EngineError: The server is gone, or is none.
        """
        waited, tries = 0.0, 0
        while True:
            try:
                reply = self._call(body)
            except _WaitError as error:
                pause = error.seconds if error.seconds is not None else self._pause(tries)
                waited += pause
                if waited > self.call_timeout:
                    raise self._unanswered_by(
                        ErrorClass.RATE_LIMITED, f"the OCR server had no time for it ({error})"
                    ) from error
                time.sleep(pause)
            except _TryAgainError as error:
                tries += 1
                if tries < TRIES:
                    time.sleep(self._pause(tries))
                    continue
                if error.is_connection:
                    self.attach()  # gone for good, or did this page bring it down for a moment?
                raise self._unanswered_by(
                    ErrorClass.OCR_FAILED, f"the OCR server failed {tries} times: {error}"
                ) from error
            except httpx.TimeoutException as error:
                text = f"no answer from the OCR server in {self.call_timeout:g} s"
                raise self._unanswered_by(
                    ErrorClass.TIMEOUT, f"{text} (QUIRE_CALL_TIMEOUT)"
                ) from error
            else:
                with self._lock:
                    self._unanswered = 0
                return reply

    def _pause(self, tries: int) -> float:
        doubled: float = self.first_wait * 2.0 ** max(0, tries - 1)
        return doubled * (1 + random.random() / 2)

    def _unanswered_by(self, error_class: ErrorClass, text: str) -> Exception:
        with self._lock:
            self._unanswered += 1
            if self._unanswered >= MAX_UNANSWERED:
                return self._gone(f"answered none of the last {self._unanswered} requests ({text})")
        return DocumentError(error_class, text)

    def _call(self, body: dict[str, Any]) -> Reply:
        with self.window.place() as place:
            try:
                status, headers, content = self._post(body)
            except httpx.TimeoutException as error:
                place.overloaded = True
                if isinstance(error, httpx.ConnectTimeout):
                    text = f"{type(error).__name__}: {error}"
                    raise _TryAgainError(text, is_connection=True) from error
                raise
            except httpx.HTTPError as error:
                text = f"the connection was lost ({type(error).__name__}: {error})"
                raise _TryAgainError(text, is_connection=True) from error
            place.overloaded = status in _TOO_MUCH
            place.answered = status == httpx.codes.OK
        if status in _TOO_MUCH:
            raise _WaitError(status, _seconds(headers.get("retry-after")))
        if status in _WRONG_ADDRESS:
            raise self._gone(f"refuses requests (HTTP {status}; VLLM_API_KEY is its key)")
        text = content[:200].decode("utf-8", "replace")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _TryAgainError(f"HTTP {status}: {text}", is_connection=False)
        if status != httpx.codes.OK:
            said = f"the OCR server refused the page (HTTP {status}): {text}"
            raise DocumentError(ErrorClass.OCR_FAILED, said)
        return _reply(content)

    def _post(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """Send, and read an answer that neither trickles for ever nor fills the memory."""
        deadline = time.monotonic() + self.call_timeout
        received = bytearray()
        url = f"{self.server.url}/chat/completions"
        with self._http.stream("POST", url, json=body) as response:
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > MAX_ANSWER:
                    text = f"an answer of more than {MAX_ANSWER >> 20} MiB from the OCR server"
                    raise DocumentError(ErrorClass.INVALID_OUTPUT, text)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer trickles", request=response.request)
            return response.status_code, response.headers, bytes(received)


def _reply(content: bytes) -> Reply:
    """The reply in the body of an answer.

    Raises:
        DocumentError: invalid_output, when it is something else.
    """
    try:
        answer = json.loads(content)
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        usage = answer.get("usage") or {}
        reply = Reply(
            text=str(text),
            finish_reason=str(choice.get("finish_reason") or "stop"),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            mean_probability=_mean_probability(choice.get("logprobs")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        start = content[:80].decode("utf-8", "replace")
        raise DocumentError(
            ErrorClass.INVALID_OUTPUT, f"the OCR server's answer is no completion: {start!r}"
        ) from error
    return reply


def _mean_probability(logprobs: Any) -> float | None:  # noqa: ANN401 - as the server says it
    tokens = (logprobs or {}).get("content") or ()
    found = [
        math.exp(min(0.0, float(t["logprob"]))) for t in tokens if t.get("logprob") is not None
    ]
    return sum(found) / len(found) if found else None


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After; None where there is none, or it is a date."""
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None
