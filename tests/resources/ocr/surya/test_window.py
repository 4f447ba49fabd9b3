"""The window of requests: up by one a round, down by half, never outside its bounds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resources.ocr.surya.window import START, Window


def rounds(window: Window, n: int, capacity: int) -> None:
    """Full windows of requests, of which those over the server's capacity are refused."""
    for _ in range(n):
        places = [window.place() for _ in range(int(window.limit))]
        held = [place.__enter__() for place in places]
        for i, (context, place) in enumerate(zip(places, held, strict=True)):
            place.overloaded = i >= capacity
            place.answered = not place.overloaded
            context.__exit__(None, None, None)


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 100))
def test_it_stays_within_its_bounds_and_finds_the_servers(most: int, capacity: int) -> None:
    window = Window(most)
    rounds(window, 120, capacity)
    assert 1 <= window.limit <= most
    assert window.limit <= 2 * capacity + 1
    assert window.limit >= min(most, capacity) / 2 - 1
    assert window.in_flight == 0


def test_requests_of_one_moment_halve_it_once() -> None:
    window = Window(64)
    window.limit = 32
    rounds(window, 1, 0)
    assert window.limit == 16


def test_a_window_that_is_not_full_does_not_grow() -> None:
    window = Window(64)
    for _ in range(100):
        with window.place() as place:
            place.answered = True
    assert window.limit == START
