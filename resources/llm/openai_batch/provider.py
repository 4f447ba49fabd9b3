"""What a provider of a Batch API is to Quire: files in, jobs, files out.

Here: the protocol, its record of a job, and what may go wrong. Not here: any provider (`client.py`
over HTTP, `folder.py` for `vllm run-batch`), or what is made of its files (`rows.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from resources.errors import QuireError

TERMINAL: Final = frozenset({"completed", "failed", "expired", "cancelled"})
"""States that a provider's job does not leave; in any of them some requests may be answered."""
INTENT: Final = "quire_intent"
"""In a job's metadata: which of our jobs it is."""
MAX_REQUESTS: Final = 50_000
"""Requests of a file, by OpenAI's documentation of the Batch API; the others allow as many."""
MAX_BYTES: Final = 200 * 1000 * 1000
"""Of a file, likewise."""
_TOKENS: Final = re.compile(r"token_limit|enqueued[ _]token", re.IGNORECASE)


class ProviderAwayError(QuireError):
    """The provider cannot be worked with now; nothing was decided, and nothing is lost."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep how many seconds the provider asks to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class ProviderRefusedError(QuireError):
    """The provider will not do this, whenever it is asked."""


def is_token_limit(error: str | None) -> bool:
    """Whether a provider says that too many tokens wait with it already."""
    return bool(_TOKENS.search(error or ""))


@dataclass(frozen=True)
class ProviderJob:
    """A job as its provider tells of it.

    Attributes:
        job_id: The provider's id.
        state: In OpenAI's words: validating, in_progress, finalizing, cancelling, or `TERMINAL`.
        input_file: The file of requests.
        output_file: The file of answers, None when there is none (yet).
        error_file: The file of requests that failed, likewise.
        n_completed: Requests that it says were answered; None when it does not say.
        error: What it says of a job that failed as a whole.
        intent: Which of our jobs it is; "" when it does not say.
        created_at: Epoch seconds.
        ended_at: Epoch seconds; None while it has not ended, or when it does not say.
    """

    job_id: str
    state: str
    input_file: str = ""
    output_file: str | None = None
    error_file: str | None = None
    n_completed: int | None = None
    error: str = ""
    intent: str = ""
    created_at: float = 0.0
    ended_at: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it changes no more."""
        return self.state in TERMINAL


class Provider(Protocol):
    """Where files and jobs go. Every method raises `ProviderAwayError` when asking later may do."""

    def upload(self, intent: str, content: bytes) -> str:
        """Send a file of requests; returns its id. Raises `ProviderRefusedError`."""

    def create(self, intent: str, file_id: str) -> ProviderJob:
        """Begin a job on a file. Raises `ProviderRefusedError`."""

    def find(self, intent: str, file_id: str | None, since: float) -> ProviderJob | None:
        """A job that was begun, though nobody heard of it; `since` is in epoch seconds."""

    def find_file(self, intent: str) -> str | None:
        """A file that arrived, though nobody heard of it."""

    def job(self, job_id: str) -> ProviderJob | None:
        """A job as it stands; None when the provider does not know it (any more)."""

    def read(self, file_id: str) -> bytes | None:
        """A file's content; None when it is not there (yet)."""

    def cancel(self, job_id: str) -> None:
        """Ask to end a job; what it has done by then is in its files and paid for."""

    def discard(self, file_id: str) -> None:
        """Remove a file that is needed no more; whether it works does not matter."""

    def close(self) -> None:
        """Close connections."""
