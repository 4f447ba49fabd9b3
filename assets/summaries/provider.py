"""Summaries of a batch through a Batch API: what is at the provider, and what still has to go.

Here: which questions of a batch have answers, sending those that have none, and saying when its
rows can be published. Not here: jobs (`resources/llm/openai_batch`), when a batch is looked at
(`sensors/exchanging.py`).

A batch is published once nothing of it is out: every question has an answer that is final, was
asked as often as it will be, or has no room in the budget. Until then its documents wait. A long
document's next round is another job of the same batch. A question that a job of another batch asks
already is not sent: its answer comes to this one too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from assets.context import StageContext
from assets.summaries.model import unanswered_requests
from assets.versions import stage_version
from io_managers.api_jobs import Job
from io_managers.publish import published_epoch
from io_managers.versions import register, require_accepted
from resources.errors import EngineError, ErrorClass
from resources.lake.lake import Lake
from resources.llm.base import Completion, Request
from resources.llm.openai_batch.engine import OpenAIBatchEngine, make
from resources.llm.openai_batch.make import make_provider
from resources.llm.openai_batch.provider import Provider
from resources.llm.openai_batch.rows import answer_of
from resources.llm.openai_batch.submit import Limits, Submitted, Submitter
from resources.llm.openai_batch.work import Clock, Work, utc_now
from resources.settings import Settings

STAGE: Final = "summaries"
MAX_TRIES: Final = 3
"""Jobs that a question is asked in before its last error is the document's failure."""
MAX_JOBS: Final = 12
"""The same, with jobs that expired, were cancelled or too large: no fault of what is asked."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class At:
    """One batch of one lake."""

    lake: Lake
    settings: Settings
    batch: str


@dataclass
class Standing:
    """How a batch stands with the provider.

    Attributes:
        batch: The batch.
        state: `nothing`: every document has its row; `waiting`: for the provider; `ready`: to be
            published.
        n_documents: Documents without a current row.
        n_waiting: Questions without an answer.
        jobs: Open jobs that hold some of them.
        submitted: What was sent now.
        answers: What questions are answered with when it is published.
    """

    batch: str
    state: Literal["nothing", "waiting", "ready"]
    n_documents: int = 0
    n_waiting: int = 0
    jobs: tuple[str, ...] = ()
    submitted: Submitted = field(default_factory=Submitted)
    answers: Mapping[str, Completion] = field(default_factory=dict, repr=False)

    @property
    def message(self) -> str:
        """What it waits for, for people."""
        text = f"{self.n_documents} documents of {self.batch} wait for the provider"
        if self.jobs:
            more = len(self.jobs) - _SHOWN
            names = ", ".join(self.jobs[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            text += f" ({self.n_waiting} requests in jobs {names})"
        if self.submitted.away is not None:
            text += f"; it cannot be worked with now: {self.submitted.away}"
        elif self.submitted.n_later:
            text += f"; {self.submitted.n_later} requests are sent once it takes more"
        return text


class Exchange:
    """The batches of one lake and their provider."""

    def __init__(
        self,
        lake: Lake,
        settings: Settings,
        *,
        provider: Provider | None = None,
        clock: Clock = utc_now,
        limits: Limits | None = None,
    ) -> None:
        """Take the settings; nothing is opened.

        Raises:
            SettingError: No model or provider can be made of them.
        """
        self.lake = lake
        self.settings = settings
        self.limits = limits or Limits()
        self.work = Work(lake, settings, provider or make_provider(settings), clock)
        self._engine: OpenAIBatchEngine = make(settings)

    def close(self) -> None:
        """Close connections."""
        self.work.provider.close()

    def advance(self, batch: str, *, may_send: bool = True) -> Standing:
        """See what a batch's documents still need, and send what nobody asks yet.

        Args:
            batch: Its `docs` are published.
            may_send: Whether anything is sent; else it only waits.

        Raises:
            VersionNotAcceptedError: Rows of this version could not be published: nothing is paid.
            SettingError: There is a budget of money, and no price.
            LakeError: The lake cannot be read or written.
        """
        from assets.summaries.build import documents_to_do

        place = At(self.lake, self.settings, batch)
        todo = documents_to_do(place)
        epoch = published_epoch(self.lake, STAGE, batch) or 0
        self.retire(batch, epoch)
        if not todo:
            return Standing(batch, "nothing")
        version = stage_version(STAGE, self.settings)
        register(self.lake, version, self.settings.gate)
        require_accepted(self.lake, version.stage, version.name)
        missing = self._missing(place, todo)
        fresh = [r for key, r in missing.items() if key not in self._in_flight()]
        submitted = Submitted(n_later=len(fresh))
        if fresh and may_send:
            submitter = Submitter(self.work, batch, version.name, epoch)
            submitted = submitter.submit(fresh, self.limits)
        n_waiting = len(missing) - submitted.n_blocked
        standing = Standing(
            batch,
            "waiting" if n_waiting else "ready",
            len(todo),
            n_waiting,
            self._open_jobs(missing),
            submitted,
        )
        if not n_waiting:
            why = submitted.why_blocked
            blocked = {
                key: _blocked(request, self._engine, why) for key, request in missing.items()
            }
            standing.answers = {**self._engine.answers, **blocked}
        return standing

    def retire(self, batch: str, epoch: int) -> bool:
        """Let go of jobs of a batch whose answers were published since; whether there were any."""
        ended = [
            job
            for job in self.work.jobs.all()
            if job.batch == batch and not job.is_open and job.base_epoch < epoch
        ]
        for job in ended:
            self.work.jobs.retire(job, self.work.clock())
        return bool(ended)

    # What is answered ----------------------------------------------------------------------------

    def _missing(self, place: At, todo: Sequence[str]) -> dict[str, Request]:
        """Questions without an answer; the engine has the answers afterwards."""
        ended = [job for job in self.work.jobs.all() if job.state == "ingested"]
        ours = [job for job in ended if job.batch == place.batch]
        self._engine.answers = own = self._own(ours)
        missing = unanswered_requests(place, self._engine, todo)
        while True:
            others = self._of_others(ended, place.batch, missing.keys() - own.keys())
            if not others:
                return missing
            own = {**others, **own}
            self._engine.answers = own
            missing = unanswered_requests(place, self._engine, todo)

    def _own(self, jobs: Iterable[Job]) -> dict[str, Completion]:
        """Final answers of a batch's own jobs, and errors of what was asked often enough."""
        final: dict[str, Completion] = {}
        last: dict[str, Completion] = {}
        tries: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for job in jobs:
            for record in self.work.jobs.answers(job):
                answer = answer_of(record)
                key = answer.completion.key
                if not answer.again:
                    final.setdefault(key, answer.completion)
                    continue
                last[key] = answer.completion
                times[key] += 1
                tries[key] += answer.charged
        worn = {k: c for k, c in last.items() if tries[k] >= MAX_TRIES or times[k] >= MAX_JOBS}
        return worn | final

    def _of_others(
        self, ended: Iterable[Job], batch: str, wanted: Collection[str]
    ) -> dict[str, Completion]:
        """Good answers that jobs of other batches brought to the same questions, for nothing."""
        found: dict[str, Completion] = {}
        for job in ended:
            if job.batch == batch or not self.work.jobs.keys(job) & set(wanted):
                continue
            for record in self.work.jobs.answers(job):
                completion = answer_of(record).completion
                if completion.key in wanted and completion.error_class is None:
                    free = replace(completion, input_tokens=0, output_tokens=0, cost_usd=0.0)
                    found.setdefault(completion.key, free)
        return found

    def _in_flight(self) -> set[str]:
        """Questions of all open jobs."""
        jobs = self.work.jobs
        return {key for job in jobs.open() for key in jobs.keys(job)}

    def _open_jobs(self, wanted: Mapping[str, Request]) -> tuple[str, ...]:
        jobs = self.work.jobs
        keys = wanted.keys()
        return tuple(job.job for job in jobs.open() if jobs.keys(job) & keys)


def answered_engine(context: StageContext) -> OpenAIBatchEngine:
    """The engine of a run that publishes a batch: it has every answer, and makes no call.

    Where something is out, the provider is looked at once, and the run ends with what it waits for:
    rows of half the answers would tell of failures that are none.

    Raises:
        EngineError: The batch is not ready to be published.
    """
    exchange = Exchange(context.lake, context.settings)
    try:
        if any(job.batch == context.batch for job in exchange.work.jobs.open()):
            exchange.work.look(context.batch)
        standing = exchange.advance(context.batch)
    finally:
        exchange.close()
    if standing.state == "waiting":
        raise EngineError(
            f"{standing.message}; the api_jobs sensor of make dev publishes them when the answers "
            "are there, or quire ingest, called again"
        )
    engine = make(context.settings)
    engine.answers = standing.answers
    return engine


def _blocked(request: Request, engine: OpenAIBatchEngine, why: str) -> Completion:
    return Completion(
        key=request.key,
        text=None,
        finish_reason="error",
        input_tokens=0,
        output_tokens=0,
        elapsed_ms=0,
        model=engine.model,
        attempts=0,
        error_class=ErrorClass.BUDGET,
        error=why,
    )
