"""Many requests to one server at a time: who is asked next, who waits, and when it is over.

Here: the loop over requests, on an event loop in a thread of its own. Not here: a single call
(`client.py`), what it means (`answers.py`), the thread and the iterator around it (`session.py`).

A request that has to wait goes to a queue of delays and holds no slot. What the server shows is
shared by all requests: the limit of calls in flight, the rates, the outage, the quota.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from resources.errors import EngineError, ErrorClass
from resources.llm.base import Completion, Message, Request
from resources.llm.openai.answers import MAX_CALLS, Feature, Verdict
from resources.llm.openai.client import ChatClient
from resources.llm.openai.concurrency import Outcome
from resources.llm.openai.known import Job, Known
from resources.llm.openai.retries import Outage

_THROTTLED_IN_ROW: Final = 3
"""Answers in a row that say "too many": the limit is the account's, and fresh requests wait too."""
_REJECTED_IN_ROW: Final = 8
"""A server that rejects so many different requests and answers none is asked in the wrong way."""
_REJECTED_LATER: Final = 32
"""The same of a server that has answered before."""
_FORBIDDEN_IN_ROW: Final = 3
_LETTERS_PER_TOKEN: Final = 4
_LONGEST_SLEEP: Final = 60.0
_PROBE_SECONDS: Final = 60.0
_PROBE: Final = Request("probe", (Message("user", "Answer with OK."),), max_output_tokens=16)


class Dispatcher:
    """Takes requests from any thread (`fresh`), hands completions to `out`; lives on one loop."""

    def __init__(
        self,
        client: ChatClient,
        known: Known,
        out: Callable[[Completion], None],
        room: Callable[[], None],
    ) -> None:
        """Take the client and where results go; `room` is told when another may be added."""
        self._client = client
        self._known = known
        self._out = out
        self._room = room
        self._outage = Outage(known.patience)
        self.fresh: deque[Job] = deque()
        self._delayed: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._closed = False
        self._fatal: str | None = None
        self._crash: BaseException | None = None
        self._throttled = 0
        self._shut_until = 0.0
        self._last = ""

    @property
    def n_delayed(self) -> int:
        """Requests that wait for their next call."""
        return len(self._delayed)

    def wake(self) -> None:
        """Look again; on the loop's own thread."""
        self._wake.set()

    def close(self) -> None:
        """No more requests come; on the loop's own thread."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Until every request has its completion and no more come.

        Raises:
            EngineError: No request can be answered; what was in flight had its grace.
        """
        try:
            while not self._is_done():
                pause = self._begin_what_may()
                if self._crash is not None:
                    raise self._crash
                if self._fatal is None and self._outage.is_over(time.monotonic()):
                    await self._probe()
                if self._fatal is not None:
                    break
                if not self._is_done():
                    await self._sleep(pause)
            if self._fatal is not None:
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=self._known.patience.grace)
                raise EngineError(self._fatal)
        finally:
            await self._cancel()

    def _is_done(self) -> bool:
        if self._crash is not None or self._fatal is not None:
            return False  # told by the loop
        return self._closed and not (self.fresh or self._delayed or self._tasks)

    async def _probe(self) -> None:
        """Tell an outage from requests that each make the server fail: ask something harmless."""
        known = self._known
        failures, since = self._outage.failures, self._outage.since
        verdict = await self._client.call(known.dialect.body(known.model, _PROBE), _PROBE_SECONDS)
        if verdict.kind in ("whole", "failed", "rejected", "unsupported", "busy"):
            self._outage.proved(time.monotonic())
        elif verdict.kind == "fatal":
            self._fatal = verdict.message
        elif verdict.kind != "quota":
            self._fatal = (
                f"the model's server has not answered for {time.monotonic() - since:.0f} s "
                f"({failures} calls; last: {self._last}): start it, or check QUIRE_BASE_URL"
            )

    async def _sleep(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin_what_may(self) -> float:
        """Begin every call that may begin; seconds until another look is due."""
        known = self._known
        while self._fatal is None:
            now = time.monotonic()
            if known.quota is not None or now < self._shut_until:
                self._give_up_waiting()
                return _LONGEST_SLEEP
            if not known.concurrency.may_start():
                return _LONGEST_SLEEP
            job, pause = self._next(now)
            if job is None:
                return pause
            wait = known.rates.wait(now, job.predicted)
            if wait > 0:
                return min(wait, _LONGEST_SLEEP)
            self._take(job)
            known.rates.take(now, job.predicted)
            known.concurrency.start()
            job.began = now if job.began is None else job.began
            job.calls += 1
            task = asyncio.create_task(self._call(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        return 0.0

    def _next(self, now: float) -> tuple[Job | None, float]:
        """The request whose turn it is, still in its queue; or how long there is none."""
        due = self._delayed[0][0] - now if self._delayed else _LONGEST_SLEEP
        if self._delayed and due <= 0:
            return self._delayed[0][2], 0.0
        # An account that is told to wait again and again, or a server that is away, is asked by
        # the requests that already wait for it, not by fresh ones.
        troubled = self._throttled >= _THROTTLED_IN_ROW or self._outage.suspected(now)
        if self.fresh and not (self._delayed and troubled):
            return self.fresh[0], 0.0
        return None, min(due, _LONGEST_SLEEP)

    def _take(self, job: Job) -> None:
        if self.fresh and self.fresh[0] is job:
            self.fresh.popleft()
            self._room()
        else:
            heapq.heappop(self._delayed)

    def _give_up_waiting(self) -> None:
        """All that is not in flight ends without a call: no quota, or a wait that is too long."""
        quota = self._known.quota
        why = Verdict("quota", ErrorClass.BUDGET, quota) if quota else None
        why = why or Verdict("busy", ErrorClass.RATE_LIMITED, "the provider asks to wait too long")
        while self.fresh:
            self._finish(self.fresh.popleft(), why)
            self._room()
        while self._delayed:
            self._finish(heapq.heappop(self._delayed)[2], why)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._crash = task.exception()
        self._wake.set()

    async def _call(self, job: Job) -> None:
        known = self._known
        began = time.monotonic()
        without = frozenset(known.dialect.without)
        outcome: Outcome = "other"
        read = written = 0
        try:
            verdict = await self._client.call(known.dialect.body(known.model, job.request))
            outcome = _outcome(verdict)
            read = verdict.read or job.request.n_input_tokens
            written = verdict.written or len(verdict.text or "") // _LETTERS_PER_TOKEN
        finally:
            known.concurrency.finish(
                outcome, started=began, now=time.monotonic(), read=read, written=written
            )
        if verdict.kind == "faulty" and verdict.unheard:
            job.unheard(verdict.read, verdict.written)
            # Asked of its last call too: in an outage no call is the last.
            job.payable = await self._may_pay_again(job)
        self._settle(job, verdict, without)

    async def _may_pay_again(self, job: Job) -> bool:
        """Whether a budget has room for another call of which one may be billed."""
        ask = self._known.may_pay_again
        return ask is None or await asyncio.to_thread(ask, job.request)

    def _settle(self, job: Job, verdict: Verdict, without: frozenset[Feature]) -> None:
        now = time.monotonic()
        self._note(job, verdict, now)
        known = self._known
        if verdict.kind == "quota":
            known.quota = known.quota or verdict.message
            self._finish(job, verdict)
        elif verdict.kind == "fatal":
            self._fatal = verdict.message
        elif verdict.kind == "unsupported" and verdict.feature is not None:
            self._adapt(job, verdict, verdict.feature, without)
        elif verdict.kind == "rejected":
            self._reject(job, verdict)
        elif verdict.kind in ("busy", "faulty", "unsent"):
            self._again(job, verdict, now)
        else:
            self._finish(job, verdict)

    def _note(self, job: Job, verdict: Verdict, now: float) -> None:
        """What one call shows of the server as a whole."""
        if verdict.kind in ("faulty", "unsent"):
            self._outage.failed(job.request.key, now, sent=verdict.kind == "faulty")
            self._last = verdict.message
        else:
            self._outage.answered()
        self._throttled = self._throttled + 1 if verdict.throttled else 0
        self._known.met(verdict.model)
        self._known.told(verdict.window)
        if verdict.kind in ("whole", "failed"):
            self._known.answered = True
            self._known.rejected.clear()

    def _adapt(
        self, job: Job, verdict: Verdict, feature: Feature, without: frozenset[Feature]
    ) -> None:
        """Ask again at once without what the server does not know, if that is what it was."""
        unasked = feature == "response_format" and job.request.schema is None
        if feature in without or unasked:
            self._reject(job, verdict)
            return
        self._known.dialect.drop(feature, verdict.message)
        self._delay(job, time.monotonic())

    def _reject(self, job: Job, verdict: Verdict) -> None:
        """A 4xx: the request's own, unless every other request gets it too."""
        rejected = self._known.rejected
        rejected.add(job.request.key)
        forbidden = verdict.error_class is ErrorClass.REFUSED
        if forbidden and (not self._known.answered or len(rejected) >= _FORBIDDEN_IN_ROW):
            self._fatal = f"the server forbids it ({verdict.message}): check QUIRE_API_KEY"
        elif len(rejected) >= (_REJECTED_LATER if self._known.answered else _REJECTED_IN_ROW):
            self._fatal = (
                f"the server takes no request ({verdict.message}): check QUIRE_BASE_URL and "
                "QUIRE_MODEL"
            )
        else:
            self._finish(job, verdict)

    def _again(self, job: Job, verdict: Verdict, now: float) -> None:
        """Wait and call again, or give up: with its class, and only for what it did itself."""
        job.failed += 1
        if verdict.kind == "faulty":
            job.faults[verdict.error_class] += 1
            of_this = job.faults[verdict.error_class] >= verdict.max_calls
            spent = of_this or job.faults.total() >= MAX_CALLS
            if spent and not self._outage.suspected(now):
                self._finish(job, verdict)
                return
        due = now + self._known.patience.wait(job.failed, verdict.retry_after)
        if due > (job.began or now) + self._known.patience.seconds:
            if verdict.throttled and self._throttled >= _THROTTLED_IN_ROW:
                self._shut_until = due
            self._finish(job, verdict)
        elif job.payable:
            self._delay(job, due)
        else:
            why = "a call that may be billed had no answer, and the budget has no room for another"
            self._finish(job, Verdict("faulty", ErrorClass.BUDGET, f"{why}: {verdict.message}"))

    def _delay(self, job: Job, due: float) -> None:
        heapq.heappush(self._delayed, (due, next(self._order), job))
        self._room()

    def _finish(self, job: Job, verdict: Verdict) -> None:
        known, request = self._known, job.request
        whole = verdict.kind == "whole"
        paid = verdict.kind in ("whole", "failed") and job.calls > 0
        read, written = verdict.read, verdict.written
        if read is not None:
            known.calibration.observe(request.messages, read)
            known.calibration.compare(request.n_input_tokens, read)
        if written is None and whole:
            written = known.calibration.predict(verdict.text or "")
        if verdict.unheard and verdict.kind in ("whole", "failed"):
            job.unheard(read, written)
        if paid and read is not None:
            known.rates.correct(job.predicted, read + (written or 0))
        waited = 0.0 if job.began is None else time.monotonic() - job.began
        self._out(
            Completion(
                key=request.key,
                text=verdict.text if whole else None,
                finish_reason=verdict.finish_reason,
                input_tokens=(read or 0) + job.read,
                output_tokens=(written or 0) + job.written,
                unheard_output_tokens=job.written,
                elapsed_ms=round(1_000 * waited),
                model=verdict.model or known.model,
                attempts=job.calls,
                error_class=None if whole else verdict.error_class or ErrorClass.UNKNOWN,
                error=None if whole else verdict.message,
                cost_usd=None if job.calls else 0.0,
                cached_input_tokens=min(verdict.cached, read or 0),
            )
        )


def _outcome(verdict: Verdict) -> Outcome:
    if verdict.throttled:
        return "throttled"
    if verdict.error_class is ErrorClass.TIMEOUT:
        return "timed_out"
    # A refusal by the server's front takes no time: it would make true answers look slow.
    return "answered" if verdict.text is not None or verdict.written else "other"
