"""Which document a person means: a file name, a uri or path, or at least 6 hex digits of doc_id.

Here: the look-up and its errors. Not here: what is shown of the document (`show.py`).
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from resources.errors import QuireError
from resources.lake.states import LakeStates
from resources.landing.uris import uri_of

_HEX: Final = re.compile(r"^[0-9a-fA-F]{6,64}$")
_LISTED: Final = 8
_SUGGEST_AMONG: Final = 20_000
"""difflib takes about a second for this many names; beyond, no suggestion is made."""


@dataclass(frozen=True)
class Found:
    """A document (or, without a doc_id, a file that could not be read) and its sightings."""

    doc_id: str | None
    batch: str
    uri: str
    file_name: str
    title: str | None
    n_pages: int | None
    state: str
    error_class: str | None
    stage: str | None
    error: str | None
    sightings: tuple[dict[str, Any], ...]

    @property
    def label(self) -> str:
        """A short name for messages."""
        return f"{self.doc_id[:12]} ({self.file_name})" if self.doc_id else self.file_name


def find(states: LakeStates, text: str) -> Found:
    """The one document that `text` names.

    Raises:
        QuireError: None or several match; the message lists them.
    """
    files = states.files
    rows = _by_uri(files, text)
    if rows.is_empty():
        rows = _by_name(files, text)
    if rows.is_empty() and _HEX.match(text):
        rows = files.filter(pl.col("doc_id").str.starts_with(text.lower()))
    if rows.is_empty():
        raise QuireError(_nothing(files, text))
    subjects = rows.select(pl.coalesce("doc_id", "uri").alias("subject"), "doc_id", "file_name")
    subjects = subjects.unique("subject", keep="first", maintain_order=True)
    if subjects.height > 1:
        raise QuireError(_several(subjects, text))
    return _found(states, rows.to_dicts()[-1])


def of_batch(states: LakeStates, batch: str) -> list[Found]:
    """Every document that a batch owns, and every file of it that could not be read."""
    files = states.files.filter(pl.col("batch") == batch)
    owned = states.documents.filter(pl.col("batch") == batch)["doc_id"].to_list()
    rows = files.filter(pl.col("doc_id").is_in(owned)).unique("doc_id", maintain_order=True)
    unread = files.filter(pl.col("doc_id").is_null()).unique("uri", maintain_order=True)
    return [_found(states, row) for row in [*rows.to_dicts(), *unread.to_dicts()]]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_uri(files: pl.DataFrame, text: str) -> pl.DataFrame:
    """The newest sighting under a uri: what lay there before was superseded."""
    wanted = [uri_of(text)] if "\0" not in text else []
    if _encodes(text):
        wanted.append(text)
    rows = files.filter(pl.col("uri").is_in(wanted))
    return rows.sort("seen_at", maintain_order=True).tail(1)


def _by_name(files: pl.DataFrame, text: str) -> pl.DataFrame:
    if not _encodes(text):
        return files.clear()
    rows = files.filter(pl.col("file_name") == text)
    return rows.sort("seen_at", maintain_order=True).unique("uri", keep="last", maintain_order=True)


def _nothing(files: pl.DataFrame, text: str) -> str:
    message = f"no document matches {text!r}"
    names = files["file_name"].unique()
    near = (
        difflib.get_close_matches(text, names.to_list(), n=1)
        if names.len() <= _SUGGEST_AMONG
        else []
    )
    if near:
        return f"{message}: did you mean {near[0]!r}?"
    if re.fullmatch(r"[0-9a-fA-F]{1,5}", text):
        return f"{message}: give at least 6 hex digits of a doc_id"
    return (
        f"{message}: give a file name, a uri or at least 6 hex digits of a doc_id "
        "(quire status --files lists them)"
    )


def _several(subjects: pl.DataFrame, text: str) -> str:
    shown = [
        f"{(row['doc_id'] or 'unread')[:12]} ({row['file_name']})"
        for row in subjects.head(_LISTED).to_dicts()
    ]
    more = f" and {subjects.height - _LISTED} more" if subjects.height > _LISTED else ""
    return (
        f"{subjects.height} documents match {text!r}: {', '.join(shown)}{more}; "
        "give the uri or more of the doc_id"
    )


def _found(states: LakeStates, row: dict[str, Any]) -> Found:
    doc_id = row["doc_id"]
    names = ("batch", "uri", "file_name", "state", "error_class", "stage", "error")
    if doc_id is None:
        sightings = states.files.filter(pl.col("uri") == row["uri"]).to_dicts()
        values = {name: row[name] for name in names}
        return Found(doc_id=None, title=None, n_pages=None, sightings=tuple(sightings), **values)
    sightings = states.files.filter(pl.col("doc_id") == doc_id).to_dicts()
    document = states.documents.filter(pl.col("doc_id") == doc_id).to_dicts()[0]
    return Found(**document, sightings=tuple(sightings))
