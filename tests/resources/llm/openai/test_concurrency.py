"""The limit of calls in flight, against a simulated server whose own limit nobody tells."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.llm.openai.concurrency import Concurrency, Outcome


@dataclass
class Simulation:
    """A server that refuses more than `hidden` calls at once, and a client with endless work."""

    concurrency: Concurrency
    hidden: int
    silent: bool = False
    """Instead of refusing, it answers every call beyond ten times slower."""
    seed: int = 0
    now: float = 0.0
    in_flight: list[tuple[float, int, float, Outcome]] = field(default_factory=list)
    served: int = 0
    working: int = 0
    refused: int = 0
    levels: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def call(self) -> None:
        self.concurrency.start()
        self.served += 1
        over = self.working >= self.hidden
        seconds = self.random.uniform(0.7, 1.3)
        outcome: Outcome = "answered"
        if over and self.silent:
            seconds *= 10
        elif over:
            seconds, outcome = 0.02, "throttled"
            self.refused += 1
        self.working += outcome != "throttled"
        heapq.heappush(self.in_flight, (self.now + seconds, self.served, self.now, outcome))

    def run(self, n_calls: int) -> None:
        end = self.served + n_calls
        self.levels.clear()
        while self.served < end:
            while self.concurrency.may_start():
                self.call()
            assert self.in_flight, "nothing is in flight and nothing may start: it would hang"
            self.now, _, began, outcome = heapq.heappop(self.in_flight)
            self.concurrency.finish(outcome, started=began, now=self.now, read=400, written=100)
            assert self.concurrency.limit >= 1
            if outcome == "answered":
                self.levels.append(min(self.working, self.hidden))
                self.working -= 1

    @property
    def level(self) -> float:
        """Calls that the server worked on, on average."""
        return sum(self.levels) / len(self.levels)


@given(st.integers(1, 120), st.integers(0, 1_000))
@settings(max_examples=25, deadline=None)
def test_it_settles_within_a_tenth_of_a_hidden_limit(hidden: int, seed: int) -> None:
    simulation = Simulation(Concurrency(200), hidden, seed=seed)
    simulation.run(60 * hidden + 200)
    before = simulation.refused
    simulation.run(60 * hidden + 200)
    assert simulation.refused - before <= 0.1 * (60 * hidden + 200)
    assert 0.9 * hidden <= simulation.level <= 1.1 * hidden
    assert simulation.concurrency.limit <= 1.1 * hidden + 1


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_it_follows_a_limit_that_changes(first: int, second: int, seed: int) -> None:
    simulation = Simulation(Concurrency(100), first, seed=seed)
    simulation.run(60 * first + 200)
    simulation.hidden = second
    simulation.run(120 * max(first, second) + 400)
    simulation.run(60 * second + 200)
    assert 0.9 * second <= simulation.level <= 1.1 * second


def test_it_gets_to_a_wide_limit_in_a_few_rounds() -> None:
    simulation = Simulation(Concurrency(64), hidden=1_000)
    simulation.run(4 + 8 + 16 + 32 + 64)
    assert simulation.concurrency.limit == 64


@pytest.mark.parametrize("hidden", [3, 8, 20, 50])
def test_silent_throttling_lowers_it(hidden: int) -> None:
    simulation = Simulation(Concurrency(200), hidden, silent=True)
    simulation.run(100 * hidden + 400)
    simulation.run(60 * hidden + 200)
    assert simulation.concurrency.limit <= 1.5 * hidden + 4
    assert simulation.level >= 0.7 * hidden


def test_a_server_that_became_slow_for_good_is_not_held_at_one_call() -> None:
    concurrency = Concurrency(64)
    simulation = Simulation(concurrency, hidden=1_000)
    simulation.run(500)
    assert concurrency.limit == 64
    simulation.hidden, simulation.silent = 0, True  # every call takes ten times as long from now
    simulation.run(3_000)
    assert concurrency.limit >= 32


def test_long_documents_are_not_a_slow_server() -> None:
    concurrency = Concurrency(16)
    now = 0.0
    for read, seconds in [(400, 1.0)] * 40 + [(40_000, 15.0)] * 40:
        concurrency.start()
        concurrency.finish("answered", started=now, now=now + seconds, read=read, written=100)
        now += seconds
    assert concurrency.limit >= 4


Steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "answered", "throttled", "timed_out", "other"]),
        st.floats(0, 1e4),
        st.integers(0, 10_000),
    ),
    max_size=200,
)


@given(st.integers(1, 100), Steps)
def test_it_is_never_zero_and_never_above_the_most(
    most: int, steps: list[tuple[str, float, int]]
) -> None:
    concurrency = Concurrency(most)
    now = 0.0
    for what, seconds, tokens in steps:
        now += seconds
        if what == "start":
            if concurrency.may_start():
                concurrency.start()
        elif concurrency.in_flight:
            outcome: Outcome = what  # type: ignore[assignment]
            concurrency.finish(outcome, started=now - seconds, now=now, written=tokens)
        assert 1 <= concurrency.limit <= most
        assert 0 <= concurrency.in_flight <= most
    while concurrency.in_flight:
        concurrency.finish("other", started=now, now=now)
    assert concurrency.may_start()
