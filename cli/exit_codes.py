"""What the exit code of every command means, decided in one place.

Here: the closed set and how errors and states map to it. Not here: what is printed (`main.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import polars as pl

from resources.errors import SettingError


class ExitCode(IntEnum):
    """Every code that a `quire` command may end with."""

    DONE = 0
    CANNOT_GO_ON = 1
    USAGE = 2
    UNFINISHED = 3
    BLOCKED = 4
    AUDIT = 5
    """What was looked at is not as it should be: findings of an audit, a version rejected."""
    INTERRUPTED = 130


def of_states(counts: Mapping[str, int]) -> ExitCode:
    """The code that tells how files or documents stand, the most pressing first.

    What still waits or runs after everything was tried could not go on; a spent budget needs a
    decision; partial and quarantined documents need a look.
    """
    if counts.get("waiting") or counts.get("running"):
        return ExitCode.CANNOT_GO_ON
    if counts.get("blocked"):
        return ExitCode.BLOCKED
    if counts.get("partial") or counts.get("quarantined"):
        return ExitCode.UNFINISHED
    return ExitCode.DONE


def exit_code(documents: pl.DataFrame, files: pl.DataFrame) -> ExitCode:
    """The same for frames of states; a file may have a state without being a document."""
    states = pl.concat([documents.select("state"), files.select("state")])["state"]
    return of_states(dict.fromkeys(states.unique(), 1))


def of_error(error: BaseException) -> ExitCode:
    """The code of an error that ended a command."""
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.USAGE if isinstance(error, SettingError) else ExitCode.CANNOT_GO_ON
