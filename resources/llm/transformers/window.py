"""Requests that wait: a bounded look ahead, so that those of like length go together.

Here: jobs, the window, which of it goes next. Not here: generating.

Requests are pulled lazily, never more than the window holds: a caller reserves money for what it
gives, and may stop. Rows of a batch are padded to its longest, so a batch takes neighbours in
length, at most twice as long as the shortest of them. The longest go first: what does not fit in
memory is known early, and no long one is left alone at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from resources.llm.base import Request


@dataclass
class Job:
    """A request on its way.

    Attributes:
        request: What was asked.
        ids: Tokens of its prompt.
        attempts: Times that it was begun.
        started: When it was begun first (`time.perf_counter`).
    """

    request: Request
    ids: list[int]
    attempts: int = 0
    started: float = 0.0

    @property
    def need(self) -> int:
        """Tokens that it takes in memory at the end."""
        return len(self.ids) + self.request.max_output_tokens


def padded_tokens(jobs: list[Job]) -> int:
    """Tokens that a padded batch takes in memory."""
    longest = max(len(job.ids) for job in jobs)
    return len(jobs) * (longest + max(job.request.max_output_tokens for job in jobs))


class Window:
    """Jobs that were pulled and not begun."""

    def __init__(self, source: Iterator[Job], size: int) -> None:
        """Look at most `size` jobs ahead."""
        self._source = source
        self._size = size
        self._jobs: list[Job] = []
        self._is_drained = False

    def fill(self) -> None:
        """Pull until the window is full or nothing comes."""
        while len(self._jobs) < self._size and not self._is_drained:
            job = next(self._source, None)
            if job is None:
                self._is_drained = True
            else:
                self._jobs.append(job)
        self._order()

    @property
    def is_last(self) -> bool:
        """Whether one job is left, and none comes after it."""
        return self._is_drained and len(self._jobs) == 1

    @property
    def largest(self) -> int:
        """Tokens that the largest job needs; 0 when none waits."""
        return max((job.need for job in self._jobs), default=0)

    def take(self, tokens: int, rows: int) -> list[Job]:
        """The next batch: within the limits, but always one job where there is one."""
        batch = self._jobs[:1]
        for job in self._jobs[1:rows]:
            if 2 * len(job.ids) < len(batch[0].ids) or padded_tokens([*batch, job]) > tokens:
                break
            batch.append(job)
        del self._jobs[: len(batch)]
        return batch

    def take_one(self, tokens: int) -> Job | None:
        """The first job that needs no more than so many tokens."""
        for place, job in enumerate(self._jobs):
            if job.need <= tokens:
                return self._jobs.pop(place)
        return None

    def put_back(self, jobs: list[Job]) -> None:
        """Jobs that were begun and not done wait again."""
        self._jobs.extend(jobs)
        self._order()

    def _order(self) -> None:
        """Longest first; those of a group, which share their beginning, one after another."""
        longest: dict[str, int] = {}
        for job in self._jobs:
            group = job.request.group
            longest[group] = max(longest.get(group, 0), len(job.ids))

        def place(job: Job) -> tuple[int, str, int, str]:
            group = job.request.group
            first = longest[group] if group else len(job.ids)
            return -first, group, -len(job.ids), job.request.key

        self._jobs.sort(key=place)
