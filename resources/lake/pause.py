"""Pausing a lake: while its note is there, the sensor takes nothing and asks for no runs.

Here: the note, `_quire/paused.json`. Not here: who heeds it (`sensors/new_pdfs.py`) or the commands
(`cli/pause.py`). Runs that work go to their end, and what a person asks for is done.
"""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from resources.lake.lake import Lake

_NOTE: Final = "_quire/paused.json"


@dataclass(frozen=True)
class Pause:
    """Since when (ISO 8601, UTC), by whom and why a lake is paused."""

    since: str
    by: str
    reason: str = ""

    @property
    def message(self) -> str:
        """One line for people, with the mend."""
        why = f" ({self.reason})" if self.reason else ""
        return f"paused since {self.since} by {self.by}{why}, until: quire resume"


def pause_lake(lake: Lake, reason: str = "", by: str | None = None) -> Pause:
    """Pause a lake; one that is paused stays as it is, unless another reason is given."""
    before = paused(lake)
    if before is not None and reason in ("", before.reason):
        return before
    now = datetime.now(UTC).isoformat(timespec="seconds")
    note = Pause(before.since if before else now, by or _person(), reason)
    lake.put(_NOTE, json.dumps(asdict(note)).encode())
    return note


def resume_lake(lake: Lake) -> Pause | None:
    """End the pause; returns what it was, None when there was none."""
    before = paused(lake)
    lake.delete(_NOTE)
    return before


def paused(lake: Lake) -> Pause | None:
    """The pause of a lake. A note that cannot be read pauses too: somebody wanted it."""
    held = lake.get(_NOTE)
    if held is None:
        return None
    try:
        value = json.loads(held)
        return Pause(str(value["since"]), str(value["by"]), str(value.get("reason", "")))
    except (ValueError, KeyError, TypeError):
        return Pause("an unknown time", "somebody", "its note cannot be read")


def _person() -> str:
    """Who types, on which host; a container's user may have no name."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
