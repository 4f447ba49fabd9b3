"""Waits, and what Retry-After says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.llm.openai.retries import Outage, Patience, retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "86400"}, 86_400.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:05:00 GMT"}, 300.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        (
            {  # the server's clock is an hour behind ours
                "retry-after": "Mon, 23 Nov 2026 11:00:30 GMT",
                "date": "Mon, 23 Nov 2026 11:00:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_retry_after_of_any_text_is_a_number_or_nothing(text: str) -> None:
    seconds = retry_after({"retry-after": text}, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e6))
def test_a_wait_is_never_less_than_asked_and_never_without_end(n: int, asked: float | None) -> None:
    patience = Patience()
    wait = patience.wait(n, asked)
    if asked is None:
        assert 0.5 * patience.first_wait <= wait <= patience.longest_wait
    else:
        assert asked <= wait <= asked + 5


def test_an_outage_is_many_requests_or_no_connection() -> None:
    outage = Outage(Patience(outage_seconds=10, outage_failures=5))
    for at in range(20):
        outage.failed("one", float(at), sent=True)
    assert not outage.is_over(19.0)  # a request that breaks the server each time
    outage.failed("two", 19.0, sent=True)
    outage.failed("three", 19.0, sent=True)
    assert outage.is_over(19.0)
    outage.answered()
    assert not outage.is_over(100.0)
    for at in range(100, 120):
        outage.failed("one", float(at), sent=False)
    assert outage.is_over(120.0)


def test_a_server_that_proved_itself_is_trusted_for_a_while() -> None:
    outage = Outage(Patience(outage_seconds=10, outage_failures=5))
    outage.proved(0.0)
    for at in range(40):
        outage.failed(f"key-{at}", float(at), sent=True)
    assert not outage.suspected(40.0)
    assert outage.suspected(700.0)
