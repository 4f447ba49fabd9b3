"""Options that every command takes, and the lake that they name.

Here: `--lake`, `--json`, and the checks that a lake can be read. Not here: what commands do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from cli.instance import running_batches
from cli.terminal import say
from resources.errors import LakeError
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.settings import Settings, is_local, load_settings

LakeOption = Annotated[
    str | None,
    typer.Option("--lake", metavar="LAKE", help="Folder or bucket prefix of the tables."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]


@dataclass(frozen=True)
class Opened:
    """A lake that exists, or a default one that nothing was put in yet."""

    settings: Settings
    lake: Lake
    given: bool

    @property
    def empty(self) -> bool:
        """Whether no file was ever taken into it."""
        return self.lake.open("manifest") is None

    @property
    def hint(self) -> str:
        """What to do when nothing is there."""
        option = f" --lake {self.lake.root}" if self.given else ""
        return f"nothing ingested yet: run quire ingest FOLDER{option}"

    def states(self) -> LakeStates:
        """The states of its files and documents, with the batches that are in a run now."""
        return LakeStates(self.lake, self.running())

    def running(self) -> frozenset[str]:
        """The batches that are in a run now."""
        return frozenset() if self.empty else running_batches(self.settings)

    def require_rows(self) -> None:
        """Stop when no file was ever taken.

        Raises:
            LakeError: With the command that fills the lake.
        """
        if self.empty:
            raise LakeError(f"the lake {self.lake.root} is empty, {self.hint}")


def load(lake: str | None) -> Settings:
    """The settings, over the lake that `--lake` names.

    Raises:
        SettingError: A setting is unknown or cannot work.
    """
    settings = load_settings()
    return settings if lake is None else settings.with_lake(lake)


def open_lake(lake: str | None, *, quiet: bool = False, may_be_new: bool = False) -> Opened:
    """The lake that a command reads, and a first line that says which (unless `quiet`).

    One that was asked for has to be there, unless it `may_be_new`.

    Raises:
        SettingError: A setting is unknown or cannot work.
        LakeError: The lake is a file, or was asked for and is not there.
    """
    settings = load(lake)
    root = settings.lake
    if not quiet:
        say(f"lake: {root}")
    if is_local(root):
        _check_folder(root, given=lake is not None and not may_be_new)
    return Opened(settings, Lake(root, settings.storage_options), given=lake is not None)


def _check_folder(root: str, *, given: bool) -> None:
    if os.path.isdir(root):
        if not os.access(root, os.R_OK | os.X_OK):
            raise LakeError(f"the lake {root} cannot be read: mend its permissions")
        return
    if os.path.lexists(root):
        raise LakeError(f"the lake {root} is a file: give --lake (or QUIRE_LAKE) a folder")
    if given:
        raise LakeError(
            f"there is no lake at {root}: check --lake, or run quire ingest FOLDER --lake {root}"
        )
