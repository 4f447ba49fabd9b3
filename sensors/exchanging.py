"""One look at a provider's Batch API: which batches move on, and which are to be published.

Here: what a tick of the sensor, or a call of `quire ingest`, decides. Not here: Dagster
(`api_jobs.py`), what a batch needs (`assets/summaries/provider.py`), jobs
(`resources/llm/openai_batch`).

A batch is looked at when its documents are published and their summaries are not, when its jobs
have ended, and when a failure of its summaries is due to be tried again. What is remembered between
looks are two small objects in the lake. A batch whose summaries were published before is not looked
at anew because a setting changed: as with other summarisers, that takes the UI.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from assets.summaries.provider import STAGE, Exchange, Standing
from io_managers.api_jobs import FOLDER
from io_managers.publish import transaction_id
from resources.budget.amounts import Budget
from resources.budget.blocked import blocked_batches
from resources.budget.books import Books
from resources.errors import EngineError, SettingError, VersionNotAcceptedError
from resources.lake.batches import (
    HEAL_AFTER,
    all_batches,
    forget_requests,
    record_request,
    retryable_batches,
)
from resources.lake.lake import Lake
from resources.llm.openai_batch.work import Told
from sensors.asking import asks

FIRST_POLL: Final = 30.0
SLOWEST_POLL: Final = 1_800.0
"""Seconds between looks at a provider that is away: doubled with each, up to half an hour."""
POLL: Final = 60.0
"""Seconds between looks at jobs; they take minutes to a day."""
SECONDS: Final = 15.0
"""Of a tick: batches that it does not get to come first at the next."""
_SHOWN: Final = 3
_POLLS: Final = f"{FOLDER}/polls.json"
_BATCHES: Final = f"{FOLDER}/batches.json"


@dataclass(frozen=True)
class Polls:
    """How the provider was met lately.

    Attributes:
        last: Of the last look, epoch seconds.
        away: Looks in a row that it was away at.
        why: What was met.
    """

    last: float = 0.0
    away: int = 0
    why: str = ""

    def is_due(self, now: float) -> bool:
        """Whether to look again."""
        wait = min(SLOWEST_POLL, FIRST_POLL * 2.0 ** min(self.away, 20)) if self.away else POLL
        return abs(now - self.last) >= wait


@dataclass(frozen=True)
class Noted:
    """What is remembered of one batch.

    Attributes:
        done: Epoch of the documents whose summaries were published last.
        ready: Epoch of the summaries when they were found ready to be published; None when not.
        asked: How often a run was asked for since.
        last: When last, epoch seconds.
    """

    done: int | None = None
    ready: int | None = None
    asked: int = 0
    last: float = 0.0

    def is_due(self, now: float) -> bool:
        """Whether to ask for a run: at once, then after 1, 5 and each 30 minutes."""
        waits = HEAL_AFTER[min(self.asked, len(HEAL_AFTER)) - 1]
        return self.asked == 0 or abs(now - self.last) >= waits


@dataclass
class Looked:
    """What one look came to.

    Attributes:
        ready: Batches to be published, each by a run of its own.
        waiting: Batches that wait for the provider.
        told: What became of jobs.
        problems: What stops single batches, for people.
    """

    ready: list[str] = field(default_factory=list)
    waiting: list[Standing] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    problems: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """In one line."""
        documents = sum(standing.n_documents for standing in self.waiting)
        text = (
            f"{self.told.n_open} jobs are out, {self.told.n_ended} came home; {len(self.ready)} "
            f"batches are to be published, {documents} documents looked at wait"
        )
        if self.told.away is not None:
            text += f"; the provider cannot be worked with now: {self.told.away}"
        more = len(self.problems) - _SHOWN
        problems = self.problems[:_SHOWN] + [f"and {more} more such"] * (more > 0)
        return "; ".join([text, *self.told.notes, *problems])


class Exchanging:
    """Looks at one lake's provider, one after another."""

    def __init__(self, exchange: Exchange, books: Books | None = None) -> None:
        """Take the lake and its provider."""
        self.exchange = exchange
        self.lake: Lake = exchange.lake
        self._books = books or Books(self.lake)
        self._after = ""
        """The last batch that a look got to."""

    def look(
        self, running: Collection[str], *, now: float | None = None, at_once: bool = False
    ) -> Looked:
        """Bring home what has ended, send what is new, and tell what can be published.

        Args:
            running: Batches that are in a run; they are left alone.
            now: Epoch seconds.
            at_once: Whether a person asks: nothing is put off that can be done now.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        now = time.time() if now is None else now
        looked = Looked()
        polls = Polls(**_read(self.lake, _POLLS))
        if at_once or polls.is_due(now):
            looked.told = self.exchange.work.look()
            polls = self._note_poll(polls, looked.told, now)
        notes = {name: Noted(**value) for name, value in _read(self.lake, _BATCHES).items()}
        before = dict(notes)
        until = time.monotonic() + SECONDS
        for batch in self._candidates(notes, running, at_once=at_once):
            if not at_once and time.monotonic() > until:
                break
            self._after = batch
            self._advance(batch, notes, polls, looked, now, at_once=at_once)
        looked.told.n_open = len(self.exchange.work.jobs.open())
        if notes != before:
            value = {name: asdict(noted) for name, noted in sorted(notes.items())}
            self.lake.put(_BATCHES, json.dumps(value).encode())
        return looked

    def _note_poll(self, polls: Polls, told: Told, now: float) -> Polls:
        after = Polls(now)
        if told.away is not None:
            after = Polls(now, polls.away + 1, told.away)
        self.lake.put(_POLLS, json.dumps(asdict(after)).encode())
        return after

    # Which batches -------------------------------------------------------------------------------

    def _candidates(
        self, notes: dict[str, Noted], running: Collection[str], *, at_once: bool
    ) -> list[str]:
        """Batches to look at, those first that the last look did not get to."""
        jobs = self.exchange.work.jobs.all()
        out = {job.batch for job in jobs if job.is_open}
        home = {job.batch: job.base_epoch for job in jobs if job.batch not in out}
        batches = all_batches(self.lake)
        docs, summaries = self._marks("docs", batches), self._marks(STAGE, batches)
        again = self._again(running, at_once=at_once)
        found: list[str] = []
        for batch in batches:
            if batch in running or batch in out or batch not in docs:
                continue
            noted = notes.get(batch, Noted())
            published = summaries.get(batch, 0)
            if noted == Noted() and published and batch not in home:
                # From before Quire went through this provider: not to be paid for unasked.
                noted = notes[batch] = Noted(done=docs[batch])
            before = home.get(batch) if noted.ready is None else noted.ready
            if before is not None and published > before:  # by whomever
                noted = notes[batch] = Noted(done=docs[batch])
                self.exchange.retire(batch, published)
                home.pop(batch, None)
            changed = noted.done != docs[batch]
            if changed or noted.ready is not None or batch in home or batch in again:
                found.append(batch)
        return sorted(found, key=lambda batch: (batch <= self._after, batch))

    def _marks(self, stage: str, batches: Collection[str]) -> dict[str, int]:
        """Epochs at which batches of a stage were published."""
        table = self.lake.open(stage)
        if table is None:
            return {}
        marks = self.lake.transactions(stage, table)
        named = {batch: marks.get(transaction_id(stage, batch)) for batch in batches}
        return {batch: epoch for batch, epoch in named.items() if epoch is not None}

    def _again(self, running: Collection[str], *, at_once: bool) -> set[str]:
        """Batches whose summaries failed and are due to be tried again."""
        failed = retryable_batches(self.lake, at_once=at_once, stages=(STAGE,))
        blocked = blocked_batches(self._books, Budget.of(self.exchange.settings))
        failed = [batch for batch in failed if batch not in blocked.waiting]
        if at_once:
            return {*failed, *blocked.payable}
        due = asks(self.lake, (), failed, running, payable=blocked.payable)
        return {ask.batch for ask in due}

    # One batch -----------------------------------------------------------------------------------

    def _advance(
        self,
        batch: str,
        notes: dict[str, Noted],
        polls: Polls,
        looked: Looked,
        now: float,
        *,
        at_once: bool,
    ) -> None:
        epoch = self._marks("docs", [batch]).get(batch)
        noted = notes.get(batch, Noted())
        try:
            standing = self.exchange.advance(batch, may_send=not polls.away)
        except (VersionNotAcceptedError, SettingError, EngineError) as error:
            looked.problems.append(f"{batch}: {error}")
            return
        if standing.state == "nothing":
            notes[batch] = Noted(done=epoch)
            return
        if standing.submitted.n_sent and noted.done != epoch:
            forget_requests(self.lake, batch)  # what it took to get here heals nothing from here
        if standing.state == "waiting":
            looked.waiting.append(standing)
            notes[batch] = replace(noted, ready=None)
            return
        if noted.ready is None:
            published = self._marks(STAGE, [batch]).get(batch, 0)
            noted = replace(noted, ready=published, asked=0)
            record_request(self.lake, batch, now)  # what fails now is tried again after a while
        if at_once or noted.is_due(now):
            looked.ready.append(batch)
            noted = replace(noted, asked=noted.asked + 1, last=now)
        notes[batch] = noted


def _read(lake: Lake, path: str) -> dict[str, Any]:
    """A small object of ours; one that a power cut tore reads as none."""
    try:
        value = json.loads(lake.get(path) or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
