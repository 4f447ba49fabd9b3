"""Reading rows ahead: the next ones come from the lake while workers are busy with the last.

Here: one thread, one item ahead. Not here: what is read (`context.py`), or who works on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(source: Iterable[T]) -> Generator[T, None, None]:
    """Items of a source in order, the next one made in a thread while the caller has the last.

    Two items are in memory at once. What the source raises is raised here, in its turn.
    """
    items = iter(source)

    def following() -> list[T]:
        return list(itertools.islice(items, 1))

    with ThreadPoolExecutor(1, thread_name_prefix="quire-ahead") as thread:
        future = thread.submit(following)
        while found := future.result():
            future = thread.submit(following)
            yield found[0]
