"""One batch at a time, padded on the left; each row's answer is given when it ends.

Here: `generate` in a thread of its own, watched step by step. Not here: which requests make a batch
(`window.py`), or what happens when it does not fit (`engine.py`).

A batch of one may be speculative: tokens are guessed from the prompt (or by an assistant model) and
several are checked in one step. Greedy text stays what it is, in float32 to the letter; in bfloat16
a step over several tokens rounds otherwise than a step over one, as any batch does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final

from resources.llm.transformers.faults import let_go
from resources.llm.transformers.foreign import Tensor
from resources.llm.transformers.loading import Loaded
from resources.llm.transformers.window import Job

LOOKUP_TOKENS: Final = {"cuda": 10, "cpu": 4}
"""Tokens guessed at once from the prompt. Checking them is free on a GPU, which waits for memory;
a CPU pays for each."""


@dataclass(frozen=True)
class Written:
    """What a model wrote for a job.

    Attributes:
        job: The job.
        tokens: What was generated; the token that ended it is left out.
        is_whole: Whether the model ended it, not the limit.
        elapsed: Seconds since the job was begun first.
    """

    job: Job
    tokens: tuple[int, ...]
    is_whole: bool
    elapsed: float


def written(job: Job, tokens: Sequence[int], stop_ids: frozenset[int]) -> Written:
    """A job's answer out of what was generated, up to the first token that ends it."""
    elapsed = time.perf_counter() - job.started
    for place, token in enumerate(tokens):
        if token in stop_ids:
            return Written(job, tuple(tokens[:place]), is_whole=True, elapsed=elapsed)
    kept = tuple(tokens[: job.request.max_output_tokens])
    return Written(job, kept, is_whole=False, elapsed=elapsed)


class _Watch:
    """A stopping criterion that hands over each row at its end, and all when nobody waits."""

    def __init__(
        self,
        jobs: Sequence[Job],
        n_prompt: int,
        stop_ids: frozenset[int],
        feed: SimpleQueue[Written | Exception | None],
    ) -> None:
        self._jobs = jobs
        self._n_prompt = n_prompt
        self._stop_ids = stop_ids
        self._feed = feed
        self._ended = [False] * len(jobs)
        self.is_left = False

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: object) -> Tensor:  # noqa: ARG002
        import torch

        n_new = input_ids.shape[1] - self._n_prompt
        for row, token in enumerate(input_ids[:, -1].tolist()):
            job = self._jobs[row]
            is_end = token in self._stop_ids or n_new >= job.request.max_output_tokens
            if is_end and not self._ended[row]:
                self._ended[row] = True
                tokens = input_ids[row, self._n_prompt :].tolist()
                self._feed.put(written(job, tokens, self._stop_ids))
        ended = [self.is_left or is_ended for is_ended in self._ended]
        return torch.tensor(ended, device=input_ids.device)


def run(loaded: Loaded, jobs: Sequence[Job], *, speculate: bool = False) -> Iterator[Written]:
    """Generate a batch; rows in the order in which they end.

    Closing the iterator ends the batch after the step it is in.

    Raises:
        Exception: Whatever the model raised, after the rows that had ended by then.
    """
    feed: SimpleQueue[Written | Exception | None] = SimpleQueue()
    longest = max(len(job.ids) for job in jobs)
    watch = _Watch(jobs, longest, loaded.stop_ids, feed)
    now = time.perf_counter()
    for job in jobs:
        job.attempts += 1
        job.started = job.started or now

    def work() -> None:
        try:
            if speculate:
                feed.put(_speculative(loaded, jobs[0]))
            else:
                _generate(loaded, jobs, watch)
        except Exception as error:  # noqa: BLE001 - handed to the caller, who judges it
            let_go(error)
            feed.put(error)
        finally:
            feed.put(None)

    thread = threading.Thread(target=work, name="quire-generate", daemon=True)
    thread.start()
    try:
        while (item := feed.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        watch.is_left = True
        thread.join()


def _generate(loaded: Loaded, jobs: Sequence[Job], watch: _Watch) -> None:
    import torch

    longest = max(len(job.ids) for job in jobs)
    pad = loaded.model.generation_config.pad_token_id
    ids = [[pad] * (longest - len(job.ids)) + job.ids for job in jobs]
    mask = [[0] * (longest - len(job.ids)) + [1] * len(job.ids) for job in jobs]
    loaded.model.generate(
        torch.tensor(ids, device=loaded.device),
        attention_mask=torch.tensor(mask, device=loaded.device),
        max_new_tokens=max(job.request.max_output_tokens for job in jobs),
        stopping_criteria=[watch],
    )


def _speculative(loaded: Loaded, job: Job) -> Written:
    import torch

    ids = torch.tensor([job.ids], device=loaded.device)
    guess: dict[str, Any] = {"prompt_lookup_num_tokens": LOOKUP_TOKENS[loaded.device]}
    if loaded.assistant is not None:
        guess = {"assistant_model": loaded.assistant}
    found = loaded.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=job.request.max_output_tokens,
        **guess,
    )
    return written(job, found[0, ids.shape[1] :].tolist(), loaded.stop_ids)
