"""Reading one item ahead: the order, the errors and the thread stay those of the source."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from assets.ahead import ahead


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "quire-ahead" in thread.name}


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_items_come_in_order(n: int) -> None:
    assert list(ahead(range(n))) == list(range(n))
    assert not names()


def test_the_next_item_is_made_while_the_last_is_used_and_no_further() -> None:
    made: list[int] = []
    second = threading.Event()

    def source() -> Iterator[int | None]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number or None  # a falsy item is one like any other

    items = ahead(source())
    assert next(items) is None
    assert second.wait(10)
    assert next(items) == 1
    items.close()
    assert made in ([0, 1], [0, 1, 2])
    assert not names()


def test_an_error_comes_in_its_turn() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("the lake is gone")

    items = ahead(source())
    assert next(items) == 1
    with pytest.raises(ValueError, match="the lake is gone"):
        next(items)
    assert not names()
