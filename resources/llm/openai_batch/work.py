"""Jobs on their way: sent, looked at, brought home, each step safe to be killed after.

Here: one job from its first row to its answers in the lake. Not here: what is asked and how it is
cut into jobs (`submit.py`), the table (`io_managers/api_jobs.py`), the provider's doors
(`client.py`, `folder.py`).

What is told where, in this order, so that no kill loses a document or pays for it twice:

1. the requests as a file in the lake, then the row `intended`;
2. the file at the provider, then the row `uploaded`;
3. the job at the provider, with our id as its metadata, then the row `submitted`;
4. the answers as a file in the lake, then `usage`, then the row `ingested`.

A job that stays between two rows is first looked for at the provider, and only sent again when it
is not there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from io_managers.api_jobs import Job, Jobs, is_gone
from resources.budget.amounts import NOTHING, Amount, Budget
from resources.budget.ledger import Ledger, Reservation, Spender
from resources.budget.prices import Prices
from resources.crash_points import reach
from resources.errors import ErrorClass
from resources.lake.lake import Lake
from resources.llm.openai_batch.provider import (
    Provider,
    ProviderAwayError,
    ProviderJob,
    ProviderRefusedError,
    is_token_limit,
)
from resources.llm.openai_batch.rows import (
    Answer,
    Answers,
    features,
    read_answers,
    unanswered,
)
from resources.settings import Settings

STAGE: Final = "summaries"
RENEW_AFTER: Final = timedelta(hours=20)
"""A reservation counts for a day; a job may take longer."""
UNSURE_FOR: Final = timedelta(seconds=60)
"""A job that was begun may not be in its provider's list at once; it is looked for after this."""
LEASE: Final = timedelta(minutes=15)
"""After it, a job whose process is on another host, or unknown, is anybody's."""
LATE: Final = timedelta(hours=24)
"""How long a provider is given to show files, or a job, that it told of."""
_AWAY_TIMES: Final = 3
"""Jobs that a look gets no word of before it leaves the others for the next one."""
SECONDS: Final = 20.0
"""Of a look: a tick of a sensor ends within a minute, or what it decided is lost."""
_UNKNOWN_SINCE: Final = "unknown to the provider since "
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


@dataclass
class Told:
    """What a look at jobs came to, for a log and for people."""

    n_open: int = 0
    n_ended: int = 0
    away: str | None = None
    notes: tuple[str, ...] = ()

    def note(self, text: str) -> None:
        """One more line."""
        self.notes = (*self.notes, text)


class Work:
    """The jobs of one lake at one provider."""

    def __init__(
        self, lake: Lake, settings: Settings, provider: Provider, clock: Clock = utc_now
    ) -> None:
        """Read nothing yet.

        Raises:
            SettingError: Prices cannot be read.
        """
        self.lake = lake
        self.settings = settings
        self.provider = provider
        self.clock = clock
        self.jobs = Jobs(lake)
        self.prices = Prices.of(settings)
        self._after = ""
        """The last job that a look got to: the next begins behind it."""

    def ledger(self, job: str, batch: str, version: str) -> Ledger:
        """The budget, in the name of one job."""
        spender = Spender(job, STAGE, batch, version)
        return Ledger(self.lake, Budget.of(self.settings), spender, clock=self.clock)

    # Out -----------------------------------------------------------------------------------------

    def send(self, job: Job) -> Job | None:
        """Send a job that has just been written down; None when another process took it.

        Raises:
            ProviderAwayError: It stays as it is, and is sent at a later look.
        """
        step: Job | None = job
        try:
            if step is not None and step.state == "intended":
                step = self._upload(step)
            if step is not None and step.state == "uploaded":
                step = self._create(step)
        except ProviderRefusedError as error:
            return self._refused(step or job, str(error))
        return step

    def _upload(self, job: Job) -> Job | None:
        file_id = self.provider.upload(job.job, self.jobs.requests(job))
        reach("api_jobs.after_upload")
        return self._uploaded(job, file_id)

    def _uploaded(self, job: Job, file_id: str) -> Job | None:
        step = self.jobs.step(job, self.clock(), state="uploaded", input_file=file_id, error=None)
        reach("api_jobs.uploaded")
        return step

    def _create(self, job: Job) -> Job | None:
        made = self.provider.create(job.job, job.input_file or "")
        reach("api_jobs.after_create")
        return self._submitted(job, made)

    def _submitted(self, job: Job, made: ProviderJob) -> Job | None:
        step = self.jobs.step(
            job,
            self.clock(),
            state="submitted",
            provider_job=made.job_id,
            input_file=made.input_file or job.input_file,
            error=None,
        )
        reach("api_jobs.submitted")
        return step

    def _refused(self, job: Job, why: str) -> Job | None:
        text = f"the provider refused: {why}"
        charged = not is_token_limit(why) or job.n_requests == 1
        missing = unanswered(job.model, ErrorClass.SUMMARY_FAILED, text, charged=charged)
        return self._bring(job, "refused", b"", b"", missing, why)

    def _resume(self, job: Job) -> Job | None:
        """Take up a job that was not sent to its end: found at the provider, or sent on.

        Whether its call came through is not known: it is looked for before anything is sent.
        """
        now = self.clock()
        ours = job.holder == self.jobs.holder
        if not (ours or is_gone(job.holder)) and now - job.recorded_at < LEASE:
            return job  # somebody may be at it
        if now - job.recorded_at < UNSURE_FOR:
            return job
        made = self.provider.find(job.job, job.input_file, job.reserved_at.timestamp())
        if made is not None:
            return self._submitted(job, made)
        taken = self.jobs.step(job, now)
        if taken is None:
            return None
        if taken.state == "intended":
            file_id = self.provider.find_file(job.job)
            if file_id is not None:
                taken = self._uploaded(taken, file_id)
        return None if taken is None else self.send(taken)

    # Home ----------------------------------------------------------------------------------------

    def look(self, only: str | None = None) -> Told:
        """Look once at every open job, of one batch when given, and bring home what has ended.

        A provider that is away ends the look: the rest is for the next one.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        told, n_away, until = Told(), 0, time.monotonic() + SECONDS
        for job in sorted(self.jobs.open(), key=lambda job: (job.job <= self._after, job.job)):
            if only is not None and job.batch != only:
                continue
            held = self._renew(job)
            if held is None or n_away >= _AWAY_TIMES or time.monotonic() > until:
                told.n_open += 1
                continue
            self._after = job.job
            try:
                after = self._look_at(held, told)
            except ProviderAwayError as error:
                told.away, n_away = str(error), n_away + 1
                told.n_open += 1
                continue
            told.n_open += after is None or after.is_open
            told.n_ended += after is not None and not after.is_open
        return told

    def _look_at(self, job: Job, told: Told) -> Job | None:
        if job.state != "submitted":
            return self._resume(job)
        found = self.provider.job(job.provider_job or "")
        if found is None:
            return self._unknown(job, told)
        return self._ended(job, found, told) if found.is_over else job

    def _unknown(self, job: Job, told: Told) -> Job | None:
        """A job that the provider does not know, or not at this moment."""
        said = job.error or ""
        if not said.startswith(_UNKNOWN_SINCE):
            told.note(f"{job.job}: the provider does not know {job.provider_job}")
            since = self.clock()
            return self.jobs.step(job, since, error=f"{_UNKNOWN_SINCE}{since.isoformat()}")
        since = datetime.fromisoformat(said.removeprefix(_UNKNOWN_SINCE))
        if self.clock() - since < LATE:
            return job
        text = "the provider lost the job"
        missing = unanswered(job.model, ErrorClass.INTERRUPTED, text, charged=False)
        return self._bring(job, "lost", b"", b"", missing, text)

    def _ended(self, job: Job, found: ProviderJob, told: Told) -> Job | None:
        """Bring home what a job holds, whatever the state that it ended in."""
        output = self.provider.read(found.output_file) if found.output_file else b""
        errors = self.provider.read(found.error_file) if found.error_file else b""
        patient = self.clock().timestamp() - self._ended_at(job, found) < LATE.total_seconds()
        if patient and (output is None or errors is None):
            told.note(f"{job.job}: a file of {found.job_id} is not there yet")
            return job
        output, errors = output or b"", errors or b""
        answered = read_answers(output, b"", self.jobs.keys(job), job.model)
        if patient and answered.n_lines < (found.n_completed or 0):  # they are paid for
            told.note(f"{job.job}: a file of {found.job_id} is not whole yet")
            return job
        after = self._bring(job, found.state, output, errors, _missing(job, found), found.error)
        if after is not None:
            told.note(
                f"{job.job} {found.state}: {after.n_answered} of {job.n_requests} answered"
                f"{_extras(after)}"
            )
            if found.input_file:
                self.provider.discard(found.input_file)
        return after

    def _ended_at(self, job: Job, found: ProviderJob) -> float:
        """When it ended, by the provider's clock; else when it was last heard of by ours."""
        return found.ended_at or job.recorded_at.timestamp()

    def _bring(
        self,
        job: Job,
        state: str,
        output: bytes,
        errors: bytes,
        missing: Answer,
        said: str,
    ) -> Job | None:
        """Keep the answers, settle what they cost, and write that the job is at its end."""
        answers = read_answers(output, errors, self.jobs.keys(job), job.model, missing)
        priced = [self._priced(answer) for answer in answers.by_key.values()]
        records = [answer.as_record() for answer in priced]
        self.jobs.put_answers(job, records, answers.unknown)
        reach("api_jobs.answers_put")
        self._settle(job, answers)
        reach("api_jobs.settled")
        left_out = sorted(features(answers.by_key.values()))
        after = self.jobs.step(
            job,
            self.clock(),
            state="ingested",
            provider_state=state,
            n_answered=len(priced) - answers.n_missing,
            n_missing=answers.n_missing,
            n_duplicate=answers.n_duplicate,
            n_unknown=len(answers.unknown),
            left_out=" ".join(left_out) or None,
            error=said or None,
        )
        reach("api_jobs.ingested")
        if after is not None:
            self.jobs.drop_requests(job)
        return after

    def _priced(self, answer: Answer) -> Answer:
        completion = answer.completion
        if not (completion.input_tokens or completion.output_tokens):
            return answer
        cost = self.prices.cost(
            self.settings.model or completion.model,
            completion.input_tokens,
            completion.output_tokens,
            cached_tokens=completion.cached_input_tokens,
            answered_by=completion.model,
        )
        return replace(answer, completion=replace(completion, cost_usd=cost))

    def _settle(self, job: Job, answers: Answers) -> None:
        """Book what the job cost; once, however often its answers are brought home."""
        if self._is_settled(job):
            return
        spent = NOTHING
        for completion in answers.paid:
            cost = self._priced(Answer(completion)).completion.cost_usd
            spent += Amount(1, completion.input_tokens, completion.output_tokens, cost)
        self.ledger(job.job, job.batch, job.version).settle(reservation_of(job), spent)

    def _is_settled(self, job: Job) -> bool:
        # A reservation that was renewed is settled with no calls.
        mine = (
            (pl.col("run_id") == job.job) & (pl.col("kind") == "settled") & (pl.col("n_items") > 0)
        )
        rows = self.lake.scan("usage", ["run_id", "kind", "n_items"]).filter(mine)
        return not rows.head(1).collect().is_empty()

    def _renew(self, job: Job) -> Job | None:
        """Hold what an open job may cost for another day, before the day is over."""
        now = self.clock()
        if now - job.reserved_at < RENEW_AFTER or not job.reserved_calls:
            return job
        held = self.ledger(job.job, job.batch, job.version).renew(reservation_of(job))
        return self.jobs.step(job, now, micro_batch=held.micro_batch, reserved_at=now)


def reservation_of(job: Job) -> Reservation:
    """What is held for a job."""
    amount = Amount(
        job.reserved_calls, job.reserved_input_tokens, job.reserved_output_tokens, job.reserved_usd
    )
    return Reservation(job.micro_batch, amount)


def _missing(job: Job, found: ProviderJob) -> Answer:
    """What requests get that no line of an ended job answers."""
    if found.state == "failed":
        text = f"the provider failed the job: {found.error or 'without a reason'}"
        # A single request that is too much for the account alone will not pass later either.
        charged = not is_token_limit(found.error) or job.n_requests == 1
        return unanswered(job.model, ErrorClass.SUMMARY_FAILED, text, charged=charged)
    if found.state == "expired":
        text = "the provider did not get to it within its window"
        return unanswered(job.model, ErrorClass.RATE_LIMITED, text, charged=False)
    if found.state == "cancelled":
        text = "the job was cancelled"
        return unanswered(job.model, ErrorClass.INTERRUPTED, text, charged=False)
    text = "the provider's files hold no answer to it"
    return unanswered(job.model, ErrorClass.SUMMARY_FAILED, text)


def _extras(job: Job) -> str:
    """What else came back, where anything did."""
    parts = [
        f"{count} {what}"
        for count, what in (
            (job.n_missing, "to be asked again"),
            (job.n_duplicate, "answered twice"),
            (job.n_unknown, "lines that answer nothing (kept in _quire/api_jobs/unknown)"),
        )
        if count
    ]
    return f", {', '.join(parts)}" if parts else ""
