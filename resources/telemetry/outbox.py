"""The outbox: notifications that are kept in the lake until somebody has heard them.

Here: telling each event once, whoever notices it, and again until it is heard. Not here: how it is
told (`notify.py`).

Under `_quire/notifications/`: `waiting/` holds what is to be told, `sending/` says who is at it,
`told/` is the mark that an event was heard (`sweeping.py` removes old ones), `undelivered/` keeps
what nobody took for days, and `away.json` says until when a receiver that is away is left alone.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from typing import Any, Final

from resources.lake.lake import Lake
from resources.telemetry.notify import DeliveryError, Notification, Notifier

FOLDER: Final = "_quire/notifications"
TOLD: Final = f"{FOLDER}/told"
GIVE_UP_SECONDS: Final = 3 * 86400.0
"""A receiver that is away over a long weekend misses nothing."""
MAX_KEPT: Final = 1000
"""Notifications that wait, and as many that were given up; of more, the oldest go."""
_DELIVER_SECONDS: Final = 10.0
"""One call begins no further sending after this: a tick has 20 s, and other things to do."""
_LEASE_SECONDS: Final = 120.0
_AWAY_SECONDS: Final = (30.0, 60.0, 300.0, 900.0, 3600.0)


class Outbox:
    """Tells notifications through a notifier; what was not heard stays in the lake."""

    def __init__(self, lake: Lake, notifier: Notifier, log: logging.Logger) -> None:
        """Take where to keep, how to tell, and whom to tell of failing."""
        self._lake = lake
        self._notifier = notifier
        self._log = log

    @property
    def keeps(self) -> bool:
        """Whether what is told is kept until it is heard."""
        return self._notifier.keeps

    def told(self, event_id: str) -> bool:
        """Whether an event was told, or is kept to be told."""
        return self._notifier.keeps and any(
            self._lake.size(f"{FOLDER}/{place}/{event_id}") is not None
            for place in ("told", "waiting")
        )

    def announce(self, notification: Notification) -> None:
        """Tell an event, unless another did: the sensor and `quire ingest` see the same runs.

        Raises:
            LakeError: It could not be kept.
        """
        if not self._notifier.keeps:
            self._notifier.send(notification)
            return
        event_id = notification.id
        if self.told(event_id):
            return
        value = {"kept_at": time.time(), "notification": asdict(notification)}
        if not self._lake.put_new(f"{FOLDER}/waiting/{event_id}", _packed(value)):
            return
        if self._lake.size(f"{TOLD}/{event_id}") is not None:  # told between our two looks
            self._lake.delete(f"{FOLDER}/waiting/{event_id}")
            return
        self.deliver()

    def deliver(self, now: float | None = None) -> int:
        """Tell what waits, oldest first; how many were heard. Stops where the receiver is away.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        now = time.time() if now is None else now
        if not self._notifier.keeps or self._is_away(now):
            return 0
        waiting = self._waiting()
        heard, until = 0, time.monotonic() + _DELIVER_SECONDS
        for number, (event_id, value) in enumerate(waiting):
            old = abs(now - value["kept_at"]) > GIVE_UP_SECONDS
            if old or number < len(waiting) - MAX_KEPT:
                self._give_up(event_id, value)
            elif time.monotonic() < until and self._lease(event_id, now):
                if not self._send(event_id, value, now):
                    break
                heard += 1
        return heard

    def _waiting(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for event_id in self._lake.names(f"{FOLDER}/waiting"):
            value = self._read(f"waiting/{event_id}")
            if "notification" in value:
                found.append((event_id, value))
        return sorted(found, key=lambda item: float(item[1]["kept_at"]))

    def _read(self, name: str) -> dict[str, Any]:
        """A small record; empty when it is not there. A damaged one is removed, and said so."""
        held = self._lake.get(f"{FOLDER}/{name}")
        try:
            value: dict[str, Any] = {} if held is None else json.loads(held)
        except ValueError:
            self._log.exception("%s/%s was damaged, and is removed", FOLDER, name)
            self._lake.delete(f"{FOLDER}/{name}")
            return {}
        return value

    def _send(self, event_id: str, value: dict[str, Any], now: float) -> bool:
        """One notification; False when it was not heard."""
        fields = value["notification"]
        fields["job_ids"] = tuple(fields["job_ids"])
        try:
            self._notifier.send(Notification(**fields))
        except DeliveryError as error:
            self._log.warning("%s: %s", fields["batch"], error)
            self._note_away(now)
            self._lake.delete(f"{FOLDER}/sending/{event_id}")
            return False
        # The mark first: a crash before the end tells it twice at most, never not at all.
        self._lake.put(f"{TOLD}/{event_id}", b"")
        self._lake.delete(f"{FOLDER}/waiting/{event_id}")
        self._lake.delete(f"{FOLDER}/sending/{event_id}")
        self._lake.delete(f"{FOLDER}/away.json")
        return True

    def _lease(self, event_id: str, now: float) -> bool:
        """Whether this process is to send it: another may be at it right now."""
        path = f"{FOLDER}/sending/{event_id}"
        mine = _packed({"since": now})
        if not self._lake.put_new(path, mine):
            since = self._read(f"sending/{event_id}").get("since")
            if since is not None and abs(now - since) < _LEASE_SECONDS:
                return False
            self._lake.put(path, mine)  # its process died
        # Another may have sent it and taken its lease back since we listed.
        if self._lake.get(f"{FOLDER}/waiting/{event_id}") is None:
            self._lake.delete(path)
            return False
        return True

    def _give_up(self, event_id: str, value: dict[str, Any]) -> None:
        self._log.error(
            "%s: nobody took a notification for too long: it is kept as %s/undelivered/%s; check "
            "QUIRE_WEBHOOK", value["notification"]["batch"], FOLDER, event_id,
        )  # fmt: skip
        kept = self._lake.names(f"{FOLDER}/undelivered")
        for name in kept[: len(kept) + 1 - MAX_KEPT]:
            self._lake.delete(f"{FOLDER}/undelivered/{name}")
        self._lake.put(f"{FOLDER}/undelivered/{int(value['kept_at'])}-{event_id}", _packed(value))
        self._lake.delete(f"{FOLDER}/waiting/{event_id}")

    def _is_away(self, now: float) -> bool:
        """Whether the receiver did not answer lately; times never lie far ahead."""
        until = self._read("away.json").get("until", now)
        return bool(now < until < now + 2 * _AWAY_SECONDS[-1])

    def _note_away(self, now: float) -> None:
        times = int(self._read("away.json").get("times", 0))
        until = now + _AWAY_SECONDS[min(times, len(_AWAY_SECONDS) - 1)]
        self._lake.put(f"{FOLDER}/away.json", _packed({"times": times + 1, "until": until}))


def _packed(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()
