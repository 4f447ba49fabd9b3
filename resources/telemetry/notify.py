"""Notifications: what became of a batch, told to whoever wants to know.

Here: what is told, the protocol that tells it, a log and a webhook. Not here: keeping what could
not be told (`outbox.py`), gathering what is told (`notices.py`), or who notices that a run has
ended (`sensors/notifications.py`, `cli/engine.py`).

Another way of telling is a class with `send`, returned by `make_notifier`.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from resources.errors import QuireError

if TYPE_CHECKING:
    from requests import Response

SUCCEEDED: Final = "batch_succeeded"
FAILED: Final = "batch_failed"
STUCK: Final = "batch_stuck"
_ATTEMPTS: Final = 3
_TIMEOUT_SECONDS: Final = 5.0
"""To connect, and between bytes of the answer. Three tries stay far below the 60 s of a tick."""
_ALL_TRIES_SECONDS: Final = 12.0
_TOO_MANY: Final = 429
_LONGEST_ERROR: Final = 2000


@dataclass(frozen=True)
class Notification:
    """What became of a batch. A notification that is told twice has the same `id` both times.

    Attributes:
        id: Of the event: the run's id, or a batch that is stuck since a certain request.
        event: `batch_succeeded`, `batch_failed` or `batch_stuck`.
        batch: The batch.
        lake: Its lake.
        run_id: The Dagster run, None where there is none.
        run_path: The run's page in the UI, below its address.
        job_ids: Submissions that its files came with.
        files: Its files by state.
        failures: Its files by the error class that decides their state.
        error: Why the run failed, or what mends a stuck batch.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
    """

    id: str
    event: str
    batch: str
    lake: str
    run_id: str | None = None
    run_path: str | None = None
    job_ids: tuple[str, ...] = ()
    files: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def line(self) -> str:
        """One line for people."""
        states = ", ".join(f"{n} {state}" for state, n in self.files.items() if n)
        parts = [f"{self.batch}: {self.event.removeprefix('batch_')}"]
        parts += [f"files: {states}"] if states else []
        parts += [self.error] if self.error else []
        return "; ".join(parts)


class DeliveryError(QuireError):
    """A notification could not be told now; it is kept and told later."""


class Notifier(Protocol):
    """Tells notifications to somebody, who may hear one twice but none never."""

    keeps: bool
    """Whether what could not be told is kept in the lake and told later."""

    def send(self, notification: Notification) -> None:
        """Tell it.

        Raises:
            DeliveryError: It was not heard.
        """


class LogNotifier:
    """Tells a log; this is what happens where nothing else is set."""

    keeps = False

    def __init__(self, log: logging.Logger) -> None:
        """Take the log; a sensor's shows in the UI."""
        self._log = log

    def send(self, notification: Notification) -> None:
        """One line: information for what went well, an error for the rest."""
        well = notification.event == SUCCEEDED
        self._log.log(logging.INFO if well else logging.ERROR, "%s", notification.line)


class WebhookNotifier:
    """Posts JSON to `QUIRE_WEBHOOK`, whose path may be a secret: it is never printed whole."""

    keeps = True

    def __init__(self, url: str, timeout: float = _TIMEOUT_SECONDS) -> None:
        """Take the address; nothing is opened."""
        self._url = url
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"WebhookNotifier({self.address!r})"

    @property
    def address(self) -> str:
        """The part of the url that is no secret."""
        return public_part(self._url)

    def send(self, notification: Notification) -> None:
        """Post it, again after a jittered wait where the receiver is away or busy.

        The header `X-Quire-Notification` carries the id too, so that receivers can drop repeats.
        """
        # It and requests cost a tenth of a second to import, and most commands notify nobody.
        import stamina

        # Beside structlog it would print each retry to stdout, into a command's JSON.
        stamina.instrumentation.set_on_retry_hooks(())
        try:
            for attempt in stamina.retry_context(
                on=_BusyError, attempts=_ATTEMPTS, timeout=_ALL_TRIES_SECONDS, wait_initial=0.2
            ):
                with attempt:
                    self._post(notification)
        except _BusyError as error:
            raise DeliveryError(self._not_heard(str(error))) from None

    def _post(self, notification: Notification) -> None:
        import requests

        try:
            answer: Response = requests.post(
                self._url,
                json=notification.as_dict(),
                headers={"X-Quire-Notification": notification.id, "User-Agent": "quire"},
                timeout=self._timeout,
                allow_redirects=False,  # a POST that is sent elsewhere arrives as an empty GET
                stream=True,  # the answer's body is nobody's business, however long it is
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            # The texts of requests hold the url, and stamina logs what it retries.
            raise _BusyError(type(error).__name__) from None
        except requests.RequestException as error:
            raise DeliveryError(self._not_heard(type(error).__name__)) from None
        code = answer.status_code
        answer.close()
        if code == _TOO_MANY or code >= 500:
            raise _BusyError(f"it answered {code}")
        if code >= 300:
            raise DeliveryError(self._not_heard(f"it answered {code}"))

    def _not_heard(self, why: str) -> str:
        return (
            f"the webhook at {self.address} did not take a notification ({why}): check "
            "QUIRE_WEBHOOK and its receiver; it is kept and sent again"
        )


class _BusyError(Exception):
    """The receiver may take it a moment later."""


def public_part(url: str) -> str:
    """Scheme, host and port of a url: what may be printed where its path may be a secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}/..."


def make_notifier(webhook: str | None, log: logging.Logger) -> Notifier:
    """The webhook where one is set, else the log."""
    return LogNotifier(log) if webhook is None else WebhookNotifier(webhook)


def shortened(error: str | None) -> str | None:
    """An error's text as it may travel."""
    return error if error is None else error[:_LONGEST_ERROR]
