"""Continuous batching: a request enters as soon as another has ended, prompts are read in pieces.

Here: one session of transformers' manager, with explicit sizes. Not here: which sizes fit
(`sizing.py`, `room.py`), or what happens when they do not (`engine.py`).

Sizes are always given: left to itself the manager takes 90 % of the memory for its cache, 11.5 GB
for a model of 1.4 MB on a machine of 16.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from resources.llm.transformers.faults import let_go
from resources.llm.transformers.foreign import Manager
from resources.llm.transformers.loading import Loaded
from resources.llm.transformers.padded import Written, written
from resources.llm.transformers.room import Room
from resources.llm.transformers.sizing import LEAST_STEP_TOKENS, PAGE_TOKENS, Limits, pages_for
from resources.llm.transformers.window import Job, Window

_POLL_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 60.0
"""A step of a large batch takes under a second on a GPU, several on a CPU."""
_LOGGER: Final = "ContinuousBatchingLogger"


class SessionFault(Exception):  # noqa: N818 - it carries jobs as well as an error
    """The manager died.

    Attributes:
        cause: What it died of.
        jobs: Those that were under way, to be done again.
    """

    def __init__(self, cause: BaseException, jobs: list[Job]) -> None:
        """Keep what it died of and what is to be done again."""
        super().__init__(str(cause))
        self.cause = cause
        self.jobs = jobs


def step_tokens(room: Room, limits: Limits) -> int:
    """Tokens of prompts read in a step, cut in the same measure as the room."""
    return max(LEAST_STEP_TOKENS, int(limits.step_tokens * room.share))


def session(
    loaded: Loaded, window: Window, room: Room, limits: Limits, quota: int | None
) -> Iterator[Written]:
    """Generate from the window until nothing in it fits, or `quota` requests are done.

    Closing the iterator ends what is under way.

    Raises:
        SessionFault: The manager died; what had ended by then was given.
    """
    window.fill()
    if not window.largest:
        return
    flying: dict[str, Job] = {}
    manager = None
    try:
        tokens = max(room.tokens, window.largest)
        manager = _started(loaded, tokens, step_tokens(room, limits), limits.rows)
        yield from _serve(
            manager, _Flight(loaded, window, room, limits.rows, tokens, quota, flying)
        )
    except (RuntimeError, MemoryError, ValueError, AttributeError) as error:
        let_go(error)
        raise SessionFault(error, list(flying.values())) from None
    finally:
        if manager is not None:
            manager.stop(block=True, timeout=_STOP_SECONDS, hard_stop=True)
            manager.destroy()


@dataclass
class _Flight:
    """What a session works with; `flying` are the jobs under way, by number."""

    loaded: Loaded
    window: Window
    room: Room
    rows: int
    cache_tokens: int
    quota: int | None
    flying: dict[str, Job]
    begun: int = 0

    def next_job(self) -> Job | None:
        """The next job that fits beside those under way; alone, one that fits the cache."""
        is_enough = self.quota is not None and self.begun >= self.quota
        if is_enough or len(self.flying) >= self.rows:
            return None
        self.window.fill()
        taken = sum(job.need for job in self.flying.values())
        return self.window.take_one(self.room.tokens - taken if taken else self.cache_tokens)


def _started(loaded: Loaded, tokens: int, step: int, rows: int) -> Manager:
    import torch
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    # It reports the faults that we handle as errors with tracebacks, on a handler of its own.
    logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)
    config = ContinuousBatchingConfig(
        page_size=PAGE_TOKENS,
        num_blocks=pages_for(tokens, rows),
        max_batch_tokens=step,
        max_requests_per_batch=rows,
        auto_switch_to_flash=False,  # it may download a kernel; loading.py chose already
        seed=0,
    )
    with torch.no_grad():
        manager = loaded.model.init_continuous_batching(continuous_batching_config=config)
    # Its thread is a daemon if the one that starts it is: a caller that dies with the iterator
    # still in hand would otherwise wait for it at exit, for ever.
    starter = threading.Thread(target=manager.start, daemon=True)
    starter.start()
    starter.join()
    return manager


def _serve(manager: Manager, flight: _Flight) -> Iterator[Written]:
    most = 0
    while True:
        while (job := flight.next_job()) is not None:
            flight.begun += 1
            job.attempts += 1
            job.started = job.started or time.perf_counter()
            flight.flying[str(flight.begun)] = job
            manager.add_request(
                job.ids,
                request_id=str(flight.begun),
                max_new_tokens=job.request.max_output_tokens,
            )
        most = max(most, sum(job.need for job in flight.flying.values()))
        if not flight.flying:
            flight.room.fitted(most)
            return
        output = manager.get_result(timeout=_POLL_SECONDS)
        if output is not None and output.error is None:
            done = flight.flying.pop(output.request_id)
            yield written(done, output.generated_tokens, flight.loaded.stop_ids)
        elif output is not None or not manager.is_running():
            manager.join(time.perf_counter(), _STOP_SECONDS)
            fault = manager.background_thread_status.fatal_error
            raise fault or RuntimeError(output.error if output else "generation ended early")
