"""Sightings of a batch whose ownership is decided again: who takes over, who is passed by.

Here: what becomes of rows that no longer say what `contents` says. Not here: whose turn it is
(`io_managers/heirs.py`), the claim (`io_managers/contents.py`), or the row (`build.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from io_managers.contents import Owner, claim, hand_over, owners_of
from io_managers.failure_ledger import Subject
from io_managers.heirs import Successions
from io_managers.publish import MOVING
from io_managers.schemas import STAGES
from io_managers.stage_run import StageRun
from resources.errors import SOURCE_GONE
from resources.lake.batches import forget_requests
from resources.lake.lake import Lake
from resources.lake.release import release

_AFTER_FILES: Final = STAGES[1:]


@dataclass(frozen=True)
class Succession:
    """The sightings of a batch that are looked at again, and who may follow its lost owners.

    Attributes:
        lake: Where the tables are.
        batch: The batch.
        rows: The published rows that have to be made again, by uri.
        heirs: Lost documents that the batch owns, each with the sightings that may follow.
    """

    lake: Lake
    batch: str
    rows: Mapping[str, Mapping[str, Any]]
    heirs: Mapping[str, Sequence[tuple[str, str]]]

    def claim_all(self, triaged: Mapping[str, Mapping[str, Any]]) -> dict[str, Owner]:
        """Claim what was read, hand over what is lost; returns every document's owner.

        Of two sightings of one content in a batch the first uri claims it. Where a document has
        another source in its own batch, or its owner's is back, what the stages after this one
        could not find is tried again.
        """
        first: dict[str, str] = {}
        for uri, found in sorted(triaged.items()):
            if found["doc_id"]:
                first.setdefault(found["doc_id"], uri)
        known = owners_of(self.lake, {*self.heirs, *(row["doc_id"] for row in self.rows.values())})
        owners = known | claim(self.lake, self.batch, first)
        moves = {
            doc_id: (owners[doc_id], heir)
            for doc_id in self.heirs
            if (heir := self._heir(doc_id, owners[doc_id], triaged)) is not None
        }
        owners |= hand_over(self.lake, moves)
        for doc_id in moves:
            forget_requests(self.lake, owners[doc_id].batch)
        for uri in self.rows:
            doc_id = triaged[uri]["doc_id"]
            if doc_id and owners[doc_id] == Owner(self.batch, uri):
                release(self.lake, self.batch, doc_id, uri, stages=_AFTER_FILES)
        return owners

    def _heir(
        self, doc_id: str, owner: Owner, triaged: Mapping[str, Mapping[str, Any]]
    ) -> Owner | None:
        """Who follows: the first sighting whose source is not known to be gone, if the owner's is.

        Sources of this batch were looked at just now; those of others are when their batch runs.
        """
        if owner.batch != self.batch:
            return None
        if owner.uri in triaged and triaged[owner.uri]["error_class"] not in SOURCE_GONE:
            return None
        for batch, uri in self.heirs[doc_id]:
            if batch != self.batch or triaged[uri]["doc_id"] == doc_id:
                return Owner(batch, uri)
        return None

    def pass_by(
        self, run: StageRun, triaged: dict[str, dict[str, Any]], owners: dict[str, Owner]
    ) -> set[str]:
        """Find sightings that were read once and are gone now; returns those whose row is new.

        One that another sighting owns the document of is a duplicate, and its failure says that it
        is no heir. One that was named the owner and went before it was read again fails, and the
        next may follow. An owner that nobody followed keeps the row that it has.
        """
        gone = [uri for uri, found in triaged.items() if found["error_class"] in SOURCE_GONE]
        if not gone:
            return set()
        before = self.lake.read("files", batch=self.batch).filter(
            pl.col("uri").is_in(gone) & pl.col("doc_id").is_not_null()
        )
        owners |= owners_of(self.lake, before["doc_id"].to_list())
        anew: set[str] = set()
        for row in before.to_dicts():
            found, owner = triaged[row["uri"]], owners.get(row["doc_id"])
            verdict = {name: found[name] for name in ("error_class", "error")}
            if owner is not None and owner != Owner(self.batch, row["uri"]):
                run.fail(Subject(None, row["uri"]), **verdict)
                triaged[row["uri"]] = {**row, "error_class": None, "error": None}
            elif row["status"] != "ok":
                triaged[row["uri"]] = {**row, **verdict, "status": "failed"}
            else:
                continue
            anew.add(row["uri"])
        return anew


def find_succession(lake: Lake, batch: str) -> Succession:
    """What has to be decided again in a batch; of one that never ran, nothing.

    Where there is anything, the batch is noted until all its stages are published: it counts as
    finished from before, and a kill in between must leave something that asks for another run.
    """
    found = Successions(lake, batch)
    uris = found.unsettled(batch)
    if uris or found.heirs(batch):
        lake.put(f"{MOVING}/{batch}", b"")
    rows = lake.read("files", batch=batch).filter(pl.col("uri").is_in(list(uris))).to_dicts()
    return Succession(lake, batch, {row["uri"]: row for row in rows}, found.heirs(batch))


def without(inputs: Mapping[str, str], uris: Collection[str]) -> dict[str, str]:
    """What the stage reads, less sightings whose published row is not current whatever it says."""
    return {uri: value for uri, value in inputs.items() if uri not in uris}
