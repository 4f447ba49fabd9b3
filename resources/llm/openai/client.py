"""One call to a chat-completions server: bounded in time and bytes, and never redirected.

Here: what is sent, and the verdict on what comes back. Not here: when, how often and how many at
once (`dispatch.py`), what an answer means (`answers.py`).

Plain httpx, which the openai client itself stands on. That client hides what is needed here: it
follows redirects, reads a body of any size, its time-out is per read (a body that drips a byte a
second never ends), HTML with status 200 is a raw JSONDecodeError, and it fills missing fields with
None without a word.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

import httpx

from resources.errors import ErrorClass
from resources.llm.base import Request
from resources.llm.openai.address import Address
from resources.llm.openai.answers import MAX_TIMEOUTS, Feature, Verdict, judge

MAX_BYTES: Final = 4 << 20
"""Of an answer: a hundred times what a summary with its JSON takes."""
_CONNECT_SECONDS: Final = 30.0
_IDLE_SECONDS: Final = 3.0
"""Uvicorn, which most servers run on, closes idle connections after 5."""
_LOG: Final = logging.getLogger(__name__)


@dataclass
class Dialect:
    """How this server wants to be asked; learned from its refusals, kept for the run.

    Attributes:
        without: Parts that it does not know.
    """

    without: set[Feature] = field(default_factory=set)

    def drop(self, feature: Feature, said: str) -> None:
        """Ask without it from now on."""
        if feature not in self.without:
            self.without.add(feature)
            _LOG.warning("the server does not take %s (%s): asking without it", feature, said)

    def body(self, model: str, request: Request) -> dict[str, Any]:
        """The JSON of a call: greedy, one choice, no tools, not streamed."""
        old = "max_tokens" not in self.without
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens" if old else "max_completion_tokens": request.max_output_tokens,
        }
        if "temperature" not in self.without:
            body["temperature"] = 0
        if request.schema is not None and "response_format" not in self.without:
            schema = {"name": "answer", "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def headers(api_key: str | None) -> dict[str, str]:
    """Of every call; a compressed body would make the bound on its bytes worthless."""
    sent = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "quire",
    }
    return sent | ({"Authorization": f"Bearer {api_key}"} if api_key else {})


class ChatClient:
    """The calls of one event loop; an async context."""

    def __init__(
        self, address: Address, model: str, api_key: str | None, call_timeout: float, most: int
    ) -> None:
        """Take what every call needs; nothing is opened."""
        self._address = address
        self._model = model
        self._api_key = api_key
        self._timeout = call_timeout
        self._most = most
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(
            headers=headers(self._api_key),
            follow_redirects=False,
            # The wall clock is around the whole call; httpx's own clocks begin anew at each byte.
            timeout=httpx.Timeout(None, connect=min(_CONNECT_SECONDS, self._timeout)),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=self._most,
                keepalive_expiry=_IDLE_SECONDS,
            ),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def call(self, body: Mapping[str, Any], seconds: float | None = None) -> Verdict:
        """The verdict on one call; raises nothing that a server or a network can cause."""
        longest = self._timeout if seconds is None else min(seconds, self._timeout)
        try:
            async with asyncio.timeout(longest):
                verdict = await self._exchange(body)
        except TimeoutError:
            return Verdict(
                "faulty",
                ErrorClass.TIMEOUT,
                f"no whole answer within {longest:g} s (QUIRE_CALL_TIMEOUT)",
                max_calls=MAX_TIMEOUTS,
                unheard=True,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            why = f"cannot reach {self._address.root} ({self._clean(str(error))})"
            return Verdict("unsent", ErrorClass.INTERRUPTED, why)
        except httpx.HTTPError as error:
            why = f"the connection broke ({type(error).__name__}: {self._clean(str(error))})"
            return Verdict("faulty", ErrorClass.SUMMARY_FAILED, why, unheard=True)
        return verdict

    async def _exchange(self, body: Mapping[str, Any]) -> Verdict:
        if self._http is None:
            raise RuntimeError("a ChatClient is used inside its `async with`")
        cut = False
        read = bytearray()
        # Text of PDFs may hold half a surrogate pair, which no server takes.
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        async with self._http.stream("POST", self._address.chat, content=content) as answer:
            async for piece in answer.aiter_bytes():
                read += piece
                if len(read) > MAX_BYTES:
                    cut = True
                    break
        whole = bytes(read)
        if self._api_key and answer.status_code >= 400:  # before a message is shortened
            whole = whole.replace(self._api_key.encode(), b"***")
        verdict = judge(answer.status_code, answer.headers, whole, cut=cut)
        return replace(verdict, message=self._clean(verdict.message))

    def _clean(self, text: str) -> str:
        return text.replace(self._api_key, "***") if self._api_key else text
