"""OpenAI's Batch API over HTTP, as OpenAI, Azure, Groq and others speak it.

Here: the calls, each bounded in time, and what their answers mean. Not here: jobs as Quire keeps
them (`work.py`), or what stands in the files (`rows.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from resources.llm.openai.address import Address
from resources.llm.openai.answers import Verdict, judge
from resources.llm.openai.client import headers
from resources.llm.openai_batch.provider import (
    INTENT,
    ProviderAwayError,
    ProviderJob,
    ProviderRefusedError,
)

_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
"""Between two pieces of an answer; a file of 200 MB takes as long as it takes."""
_PAGES: Final = 50
_PER_PAGE: Final = 100
_CLOCKS: Final = 3_600.0
"""Seconds that a provider's clock may be behind ours."""
_WINDOW: Final = "24h"


class HttpProvider:
    """A provider behind an address."""

    def __init__(self, address: Address, api_key: str | None) -> None:
        """Take the address; nothing is opened."""
        self._address = address
        self._api_key = api_key
        self._http: httpx.Client | None = None

    def __repr__(self) -> str:
        return f"HttpProvider({self._address.root!r})"

    def upload(self, intent: str, content: bytes) -> str:
        """Send a file of requests."""
        value = self._json(
            "POST",
            "/files",
            data={"purpose": "batch"},
            files={"file": (_name(intent), content, "application/jsonl")},
        )
        return _text(value, "id", "an upload")

    def create(self, intent: str, file_id: str) -> ProviderJob:
        """Begin a job; the key makes a call that is made twice one, where the provider knows it."""
        body = {
            "input_file_id": file_id,
            "endpoint": "/v1/chat/completions",
            "completion_window": _WINDOW,
            "metadata": {INTENT: intent},
        }
        value = self._json("POST", "/batches", json=body, headers={"Idempotency-Key": intent})
        return _job(value)

    def find(self, intent: str, file_id: str | None, since: float) -> ProviderJob | None:
        """Look through the provider's jobs, newest first, by metadata or by their file."""
        for value in self._listed("/batches", since - _CLOCKS):
            job = _job(value)
            if job.intent == intent or (file_id is not None and job.input_file == file_id):
                return job
        return None

    def find_file(self, intent: str) -> str | None:
        """Look for a file by the name that it was sent with."""
        for value in self._listed("/files", 0.0, purpose="batch"):
            if value.get("filename") == _name(intent):
                return _text(value, "id", "a list of files")
        return None

    def job(self, job_id: str) -> ProviderJob | None:
        """How a job stands."""
        value = self._json("GET", f"/batches/{job_id}", may_lack=True)
        return None if value is None else _job(value)

    def read(self, file_id: str) -> bytes | None:
        """A file's content."""
        answer = self._call("GET", f"/files/{file_id}/content")
        if answer.status_code == 404:
            return None
        self._check(answer)
        return answer.content

    def cancel(self, job_id: str) -> None:
        """Ask to end a job."""
        self._json("POST", f"/batches/{job_id}/cancel", may_lack=True)

    def discard(self, file_id: str) -> None:
        """Remove a file; a provider that does not is no reason to stop."""
        try:
            self._call("DELETE", f"/files/{file_id}")
        except ProviderAwayError:
            return

    def close(self) -> None:
        """Close connections; they open again when needed."""
        if self._http is not None:
            self._http.close()
            self._http = None

    # Calls ---------------------------------------------------------------------------------------

    def _listed(self, door: str, since: float, **params: str) -> Iterator[Mapping[str, Any]]:
        """What a list holds that was made since then; lists are newest first."""
        after: dict[str, str] = {}
        for _ in range(_PAGES):
            wanted = {"limit": str(_PER_PAGE), **params, **after}
            page = self._json("GET", door, params=wanted) or {}
            data = page.get("data")
            values = [v for v in data if isinstance(v, dict)] if isinstance(data, list) else []
            yield from values
            if not page.get("has_more") or not values:
                return
            if all(_number(value.get("created_at")) < since for value in values):
                return
            after = {"after": str(values[-1].get("id"))}

    def _json(
        self,
        method: str,
        door: str,
        *,
        may_lack: bool = False,
        **more: Any,  # noqa: ANN401
    ) -> Mapping[str, Any] | None:
        answer = self._call(method, door, **more)
        if may_lack and answer.status_code == 404:
            return None
        self._check(answer)
        try:
            value = answer.json()
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise ProviderAwayError(f"{self._address.root} answers {door} with no JSON object")
        return value

    def _call(self, method: str, door: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        try:
            return self._client().request(method, self._address.base + door, **more)
        except httpx.HTTPError as error:
            why = self._clean(str(error)) or type(error).__name__
            raise ProviderAwayError(f"cannot reach {self._address.root} ({why})") from None

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code < 300:
            return
        verdict = judge(answer.status_code, answer.headers, answer.content, cut=False)
        message = self._clean(verdict.message or f"status {answer.status_code}")
        if _may_pass(verdict, answer.status_code):
            raise ProviderAwayError(message, verdict.retry_after)
        raise ProviderRefusedError(message)

    def _clean(self, text: str) -> str:
        return text.replace(self._api_key, "***") if self._api_key else text

    def _client(self) -> httpx.Client:
        if self._http is None:
            sent = headers(self._api_key)
            del sent["Content-Type"]  # of a file, httpx says it
            self._http = httpx.Client(headers=sent, follow_redirects=False, timeout=_TIMEOUT)
        return self._http


def _may_pass(verdict: Verdict, status: int) -> bool:
    """Whether asking later may go better, by itself or once a setting is mended.

    A wrong key or address must not cost a document one of its attempts.
    """
    return verdict.kind in ("busy", "faulty", "quota", "fatal") or status in (401, 403, 404)


def _name(intent: str) -> str:
    return f"quire-{intent}.jsonl"


def _job(value: Mapping[str, Any] | None) -> ProviderJob:
    value = value or {}
    metadata = value.get("metadata")
    counts = value.get("request_counts")
    completed = counts.get("completed") if isinstance(counts, dict) else None
    ended = [value.get(f"{state}_at") for state in ("completed", "failed", "expired", "cancelled")]
    intent = metadata.get(INTENT) if isinstance(metadata, dict) else None
    return ProviderJob(
        job_id=_text(value, "id", "a job"),
        state=str(value.get("status") or ""),
        input_file=str(value.get("input_file_id") or ""),
        output_file=str(value["output_file_id"]) if value.get("output_file_id") else None,
        error_file=str(value["error_file_id"]) if value.get("error_file_id") else None,
        n_completed=completed if isinstance(completed, int) else None,
        error=_errors(value.get("errors")),
        intent=intent if isinstance(intent, str) else "",
        created_at=_number(value.get("created_at")),
        ended_at=next((_number(at) for at in ended if at), None),
    )


def _errors(errors: object) -> str:
    """What a provider says of a job that failed as a whole, the first of its reasons."""
    data = errors.get("data") if isinstance(errors, dict) else None
    said = []
    for item in data[:3] if isinstance(data, list) else ():
        if isinstance(item, dict):
            line = f"line {item['line']}: " if item.get("line") else ""
            said.append(f"{line}{item.get('code') or 'error'}: {item.get('message') or ''}"[:300])
    return "; ".join(said)


def _text(value: Mapping[str, Any] | None, name: str, what: str) -> str:
    found = (value or {}).get(name)
    if not isinstance(found, str) or not found:
        raise ProviderAwayError(f"the provider told of {what} without its {name}")
    return found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
