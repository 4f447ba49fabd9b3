"""No window of a minute sees more than the allowance."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resources.llm.openai.rates import Rates


def starts(rates: Rates, costs: list[int], pauses: list[float]) -> list[tuple[float, int]]:
    now, made = 0.0, []
    for cost, pause in zip(costs, pauses, strict=True):
        now += pause
        for _ in range(100):
            wait = rates.wait(now, cost)
            if wait == 0:
                break
            now += wait
        else:
            raise AssertionError("it waits for ever")
        rates.take(now, cost)
        made.append((now, cost))
    return made


def greatest_minute(made: list[tuple[float, int]]) -> int:
    return max(sum(c for at, c in made if begin <= at < begin + 60 - 1e-6) for begin, _ in made)


@given(st.integers(2, 600), st.lists(st.floats(0, 30), min_size=1, max_size=120))
@settings(max_examples=60, deadline=None)
def test_requests_per_minute_hold(allowed: int, pauses: list[float]) -> None:
    made = starts(Rates(allowed, None), [1] * len(pauses), pauses)
    assert greatest_minute([(at, 1) for at, _ in made]) <= allowed


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=80))
@settings(max_examples=60, deadline=None)
def test_tokens_per_minute_hold_but_for_one_large_request(costs: list[int]) -> None:
    made = starts(Rates(None, 10_000), costs, [0.0] * len(costs))
    assert greatest_minute(made) <= 10_000 + max(costs)


def test_a_request_larger_than_the_allowance_goes_alone_and_leaves_a_debt() -> None:
    rates = Rates(None, 1_000)
    assert rates.wait(0.0, 5_000) == 0
    rates.take(0.0, 5_000)
    assert 250 < rates.wait(0.0, 1) < 350


def test_what_was_not_used_comes_back() -> None:
    rates = Rates(None, 1_000)
    rates.take(0.0, 1_000)
    assert rates.wait(0.0, 10) > 0
    rates.correct(1_000, 20)
    assert rates.wait(0.0, 10) == 0


def test_the_allowance_is_used() -> None:
    made = starts(Rates(60, None), [1] * 300, [0.0] * 300)
    assert made[-1][0] < 60 * 5.5


def test_no_limits_never_wait() -> None:
    rates = Rates(None, None)
    rates.take(0.0, 10**9)
    assert rates.wait(0.0, 10**9) == 0
