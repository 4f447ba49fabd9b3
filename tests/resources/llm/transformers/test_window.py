"""Requests of like length go together, groups one after another, none is pulled too early."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from resources.llm.base import Message, Request
from resources.llm.transformers.window import Job, Window, padded_tokens


def make_job(number: int, length: int, group: str = "") -> Job:
    request = Request(str(number), (Message("user", "x"),), 10, group=group)
    return Job(request, [1] * length)


def batches(window: Window, tokens: int, rows: int) -> Iterator[list[Job]]:
    while True:
        window.fill()
        batch = window.take(tokens, rows)
        if not batch:
            return
        yield batch


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 9), st.integers(1, 20))
def test_every_job_goes_once_within_the_limits(lengths: list[int], rows: int, size: int) -> None:
    jobs = [make_job(number, length) for number, length in enumerate(lengths)]
    seen: list[str] = []
    for batch in batches(Window(iter(jobs), size), 1_000, rows):
        assert len(batch) <= rows
        assert len(batch) == 1 or padded_tokens(batch) <= 1_000
        sizes = [len(job.ids) for job in batch]
        assert 2 * min(sizes) >= max(sizes)
        seen += [job.request.key for job in batch]
    assert sorted(seen, key=int) == [job.request.key for job in jobs]


def test_the_window_pulls_no_more_than_it_holds() -> None:
    pulled = 0

    def source() -> Iterator[Job]:
        nonlocal pulled
        for number in range(100):
            pulled += 1
            yield make_job(number, 10)

    window = Window(source(), 7)
    assert pulled == 0
    window.fill()
    assert pulled == 7
    window.take(10**6, 3)
    window.fill()
    assert pulled == 10


def test_those_of_a_group_go_one_after_another() -> None:
    jobs = [make_job(n, 100 + n, group="ab"[n % 2]) for n in range(8)]
    window = Window(iter(jobs), 8)
    window.fill()
    groups = [job.request.group for job in window.take(10**6, 8)]
    assert groups == sorted(groups, reverse=groups[0] == "b")


def test_the_last_one_is_known() -> None:
    window = Window(iter([make_job(0, 5), make_job(1, 5)]), 1)
    window.fill()
    assert not window.is_last
    window.take(100, 1)
    window.fill()
    assert not window.is_last  # whether another comes is known when it was asked for
    window.take(100, 1)
    window.fill()
    assert not window.largest


def test_one_that_fits_beside_others_is_taken_first() -> None:
    window = Window(iter([make_job(0, 500), make_job(1, 50)]), 8)
    window.fill()
    taken = window.take_one(100)
    assert taken is not None
    assert taken.request.key == "1"
    assert window.take_one(100) is None
    window.put_back([taken])
    assert window.largest == 510
