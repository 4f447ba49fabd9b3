"""Requests become jobs: cut by what the provider takes, reserved, written down, sent.

Here: how many go into a job, and what there is room for. Not here: a job's way from there
(`work.py`), or which requests there are (`assets/summaries/provider.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, get_args

from io_managers.api_jobs import Job
from resources.budget.amounts import NOTHING, Amount
from resources.budget.blocked import note_refused
from resources.budget.flow import why_blocked
from resources.budget.ledger import Grant
from resources.budget.predictions import OutputForecast, past_output
from resources.crash_points import reach
from resources.llm.base import Request
from resources.llm.openai.answers import Feature
from resources.llm.openai.client import Dialect
from resources.llm.openai_batch.provider import (
    MAX_BYTES,
    MAX_REQUESTS,
    ProviderAwayError,
    is_token_limit,
)
from resources.llm.openai_batch.rows import line_of
from resources.llm.openai_batch.work import STAGE, Work

PAUSE: Final = timedelta(minutes=10)
"""After a provider said that too many tokens wait with it, before more are sent."""


@dataclass(frozen=True)
class Limits:
    """What a provider takes in one job."""

    requests: int = MAX_REQUESTS
    n_bytes: int = MAX_BYTES


@dataclass
class Submitted:
    """What became of some requests.

    Attributes:
        jobs: Jobs that were written down; their requests will be answered.
        n_sent: Requests in them.
        n_blocked: Requests that the budget has no room for.
        why_blocked: Which limit they met, and what mends it.
        n_later: Requests that wait: for the provider to take more, or to be there.
        away: Why the provider could not be worked with.
    """

    jobs: tuple[str, ...] = ()
    n_sent: int = 0
    n_blocked: int = 0
    why_blocked: str = ""
    n_later: int = 0
    away: str | None = None


@dataclass(frozen=True)
class _Item:
    """A request as it will be sent."""

    request: Request
    line: bytes
    expected: Amount


class Submitter:
    """Sends the requests of one batch."""

    def __init__(self, work: Work, batch: str, version: str, base_epoch: int) -> None:
        """Look up what requests may cost.

        Args:
            work: The lake and the provider.
            batch: The batch whose documents are asked about.
            version: Of the stage that asks.
            base_epoch: Epoch of the summaries that are published now.

        Raises:
            SettingError: There is a budget of money, and the model's price is not known.
            LakeError: The lake cannot be read.
        """
        self.work = work
        self.batch = batch
        self.version = version
        self.base_epoch = base_epoch
        self.model = work.settings.model or ""
        ledger = work.ledger("", batch, version)
        work.prices.require(self.model, ledger.budget)
        self.forecast = OutputForecast(past_output(work.lake, STAGE, version))
        past = work.jobs.past()
        self.dialect = Dialect()
        for job in past:
            if job.model == self.model:
                self.dialect.without.update(_features(job.left_out))
        self.tokens = _token_limit(past)
        self.paused_since = next(
            (job.recorded_at for job in reversed(past) if is_token_limit(job.error)), None
        )

    def submit(self, requests: Sequence[Request], limits: Limits = Limits()) -> Submitted:
        """Send requests, those first that come first; what is left out is told.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        told = Submitted()
        todo = [self._item(request) for request in requests]
        for part in self._parts(todo, limits):
            if not self._has_room(part):
                break
            job, n = self._begin(part, told)
            if job is None:
                if told.n_blocked:
                    break
                continue  # another process asks one of them: its answer comes to this batch too
            told.jobs = (*told.jobs, job.job)
            told.n_sent += n
            try:
                self.work.send(job)
            except ProviderAwayError as error:
                told.away = str(error)
                break
            if told.n_blocked:
                break
        if told.n_blocked:  # what comes after one that has no room was not tried
            told.n_blocked = len(todo) - told.n_sent
        told.n_later = len(todo) - told.n_sent - told.n_blocked
        return told

    def _item(self, request: Request) -> _Item:
        written = self.forecast.expect(request.max_output_tokens)
        read = request.n_input_tokens
        cost = self.work.prices.cost(self.model, read, written)
        line = line_of(request, self.model, self.dialect)
        return _Item(request, line, Amount(1, read, written, cost))

    def _parts(self, items: Sequence[_Item], limits: Limits) -> Iterator[list[_Item]]:
        part: list[_Item] = []
        n_bytes = n_tokens = 0
        for item in items:
            tokens = item.expected.input_tokens
            full = (
                len(part) >= limits.requests
                or n_bytes + len(item.line) + 1 > limits.n_bytes
                or (self.tokens is not None and n_tokens + tokens > self.tokens)
            )
            if part and full:
                yield part
                part, n_bytes, n_tokens = [], 0, 0
            part.append(item)
            n_bytes += len(item.line) + 1
            n_tokens += tokens
        if part:
            yield part

    def _has_room(self, part: Sequence[_Item]) -> bool:
        """Whether the provider takes so many tokens more, by what it said before."""
        if self.tokens is None:
            return True
        if self.paused_since is not None and self.work.clock() - self.paused_since < PAUSE:
            return False
        waiting = sum(job.reserved_input_tokens for job in self.work.jobs.open())
        wanted = sum(item.expected.input_tokens for item in part)
        return not waiting or waiting + wanted <= self.tokens

    def _begin(self, part: Sequence[_Item], told: Submitted) -> tuple[Job | None, int]:
        """Reserve and write down a job of as many of these as the budget has room for."""
        intent = uuid.uuid4().hex
        ledger = self.work.ledger(intent, self.batch, self.version)
        # One job is one call to its provider: no share is kept for others that ask meanwhile.
        grant = ledger.exchange((), [item.expected for item in part], share=1.0)
        if grant.n < len(part):
            first = part[grant.n].expected
            told.n_blocked = len(part) - grant.n
            told.why_blocked = why_blocked(ledger.budget, grant.left, first)
            self._note_blocked(part[grant.n :])
        if grant.reservation is None:
            return None, 0
        taken = part[: grant.n]
        job = self._job(intent, grant)
        content = b"".join(item.line + b"\n" for item in taken)
        keys = [item.request.key for item in taken]
        self.work.jobs.put_requests(job, keys, content)
        reach("api_jobs.requests_put")
        begun = self.work.jobs.begin(job, keys)
        reach("api_jobs.intended")
        if begun is None:
            ledger.settle(grant.reservation, NOTHING)
            self.work.lake.delete_folder(job.folder)
        return begun, grant.n

    def _job(self, intent: str, grant: Grant) -> Job:
        assert grant.reservation is not None
        amount, now = grant.reservation.amount, self.work.clock()
        return Job(
            job=intent,
            batch=self.batch,
            version=self.version,
            model=self.model,
            n_requests=grant.n,
            micro_batch=grant.reservation.micro_batch,
            reserved_calls=amount.calls,
            reserved_input_tokens=amount.input_tokens,
            reserved_output_tokens=amount.output_tokens,
            reserved_usd=amount.usd,
            reserved_at=now,
            recorded_at=now,
            base_epoch=self.base_epoch,
        )

    def _note_blocked(self, items: Sequence[_Item]) -> None:
        """Keep the least that one of them would have taken, for the day that there is room."""
        least = items[0].expected
        for item in items:
            least = replace(
                least,
                input_tokens=min(least.input_tokens, item.expected.input_tokens),
                output_tokens=min(least.output_tokens, item.expected.output_tokens),
                usd=min(least.usd or 0.0, item.expected.usd or 0.0),
            )
        note_refused(self.work.lake, self.batch, least)


def _features(left_out: str | None) -> list[Feature]:
    return [name for name in get_args(Feature) if name in (left_out or "").split()]


def _token_limit(past: Sequence[Job]) -> int | None:
    """Tokens of a job: halved by each that was too much, doubled by each that was not."""
    limit: int | None = None
    for job in past:
        if is_token_limit(job.error):
            limit = max(1, job.reserved_input_tokens // 2)
        elif limit is not None and job.provider_state == "completed":
            limit *= 2
    return limit
