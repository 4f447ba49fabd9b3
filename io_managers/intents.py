"""Documents that were being worked on when a process or host died.

Here: noting what is in hand while a stage runs, and telling from the notes of runs that never came
to an end which documents should run alone. Not here: what a failure costs (`failure_ledger.py`), or
how pods ended (`ends.py`).

A note is one small object a run. It is written every few seconds while all is well, and with every
document that is handed out once a run of this stage and batch has died, because then one of them
may be the cause: a page that makes the kernel kill the parent, or the host.

On Kubernetes it is known how a pod ended. A note of one that was preempted says nothing of its
documents. A document that was alone in hand when the largest pod was killed for its memory is
charged `memory` by the next run.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from io_managers.ends import FOLDER, NOBODYS_FAULT, is_end, read_ends
from resources.kubernetes.endings import Cause
from resources.lake.lake import Lake

NOTE_SECONDS: Final = 5.0
ALONE_AFTER: Final = 2
"""Interruptions after which a document runs alone, so that it can stop no other."""
GIVEN_UP_AFTER: Final = 2
"""Interruptions while it ran alone, after which the others are published without it."""


class Intents:
    """What a run has in hand, and what the runs before it had when they died."""

    def __init__(
        self,
        lake: Lake,
        stage: str,
        batch: str,
        base: int,
        epoch: int,
        suspected: Collection[str] = (),
    ) -> None:
        """Read the notes of earlier runs since the epoch that is published (`base`).

        Args:
            lake: Where the notes are.
            stage: The stage, and with `batch` the partition.
            batch: The batch.
            base: The epoch that is published, 0 without one.
            epoch: This run's.
            suspected: Documents that run alone from the start.
        """
        self.lake = lake
        self.folder = f"{FOLDER}/{stage}/{batch}"
        self.epoch = epoch
        self._left: Counter[str] = Counter()
        self._alone = False
        self._written = float("-inf")
        self._interrupted: Counter[str] = Counter()
        self._interrupted_alone: Counter[str] = Counter()
        self._too_large: set[str] = set()
        self._suspected = set(suspected)
        names = self._names(base)
        # Of two ends with one epoch the second was of a pod that had claimed none yet.
        ends = {number: some[0] for number, some in read_ends(lake, stage, batch, names).items()}
        excused = {number for number, end in ends.items() if end.cause in NOBODYS_FAULT}
        # The runs between began, and published nothing: for all but those it may be a document.
        self._eager = epoch - base - 1 > len(excused)
        for number, note in self._earlier(names):
            end = ends.get(number)
            if number in excused:
                continue
            for document in note["documents"]:
                self._interrupted[document] += 1
                self._interrupted_alone[document] += bool(note["alone"])
            if end is not None and end.cause == Cause.OOM and end.largest:
                found = self._too_large if note["alone"] else self._suspected
                found.update(note["documents"])

    def _names(self, base: int) -> list[str]:
        names = []
        for name in self.lake.names(self.folder):
            if int(name.partition(".")[0]) <= base:
                self.lake.delete(f"{self.folder}/{name}")
            else:
                names.append(name)
        return names

    def _earlier(self, names: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        for name in names:
            if is_end(name):
                continue
            try:
                note = json.loads(self.lake.get(f"{self.folder}/{name}") or b"")
            except ValueError:
                continue  # torn by a power cut: one interruption that is not counted
            yield int(name.partition(".")[0]), note

    def runs_alone(self, document: str) -> bool:
        """Whether a document was in hand so often when a run died that it must stop no other."""
        return self._interrupted[document] >= ALONE_AFTER or document in self._suspected

    def is_too_large(self, document: str) -> bool:
        """Whether the largest pod was killed for its memory while it had this document alone."""
        return document in self._too_large

    def is_given_up(self, document: str) -> bool:
        """Whether it was so even alone: this run leaves it, and says so."""
        return self._interrupted_alone[document] >= GIVEN_UP_AFTER

    @property
    def has_suspects(self) -> bool:
        """Whether some document runs alone."""
        often = any(times >= ALONE_AFTER for times in self._interrupted.values())
        return often or bool(self._suspected | self._too_large)

    def interruptions(self, document: str) -> int:
        """How many runs died with it in hand since the batch was last published."""
        return self._interrupted[document]

    @contextmanager
    def working(self) -> Iterator[None]:
        """While documents are handed out; left in any way but by death, it leaves no note."""
        try:
            yield
        finally:
            self._left.clear()
            self._written = float("-inf")
            self.lake.delete(self._path)

    def begin(self, documents: Iterable[str], *, alone: bool = False) -> None:
        """Work is handed out: a document is named once for each page of it."""
        self._left.update(documents)
        self._alone = alone
        self._note()

    def end(self, documents: Iterable[str]) -> None:
        """Work is answered for."""
        self._left.subtract(documents)
        self._left = +self._left

    @property
    def _path(self) -> str:
        return f"{self.folder}/{self.epoch:08d}.json"

    def _note(self) -> None:
        now = time.monotonic()
        if self._eager or now - self._written >= NOTE_SECONDS:
            value = {"documents": sorted(self._left), "alone": self._alone}
            self.lake.put(self._path, json.dumps(value).encode())
            self._written = now
