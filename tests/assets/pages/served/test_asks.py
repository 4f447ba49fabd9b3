"""What a worker says a page asks is checked: it may have been taken over."""

from __future__ import annotations

from typing import Any

import pytest

from assets.pages.served.asks import ASKS, Ask, asks_of

ASK = Ask((0.0, 0.0, 10.0, 20.0), 90, 2, 3, 1, has_letters=True)
BLANK = Ask((0.0, 0.0, 10.0, 20.0), 0, 0, 0, 0, has_letters=False, is_blank=True)


def record(*asks: Any) -> dict[str, Any]:
    return {"page_number": 1, ASKS: list(asks)}


def test_asks_come_with_their_pixels() -> None:
    told = record(ASK.as_record(), BLANK.as_record(), ASK.as_record())
    found = asks_of(told, bytes(range(36)))
    assert [ask for ask, _ in found] == [ASK, BLANK, ASK]
    assert [data for _, data in found] == [bytes(range(18)), b"", bytes(range(18, 36))]


@pytest.mark.parametrize(
    ("change", "blob"),
    [
        ({"width": 10**9}, b""),
        ({"width": -2}, bytes(18)),
        ({"width": "2"}, bytes(18)),
        ({"width": 0}, b""),
        ({"region": [0, 0, float("nan"), 1]}, bytes(18)),
        ({"region": [0, 0, 1]}, bytes(18)),
        ({"is_blank": "no"}, bytes(18)),
        ({}, bytes(17)),
        ({}, None),
    ],
)
def test_what_is_no_ask_is_refused(change: dict[str, Any], blob: bytes | None) -> None:
    with pytest.raises(ValueError, match="ask"):
        asks_of(record({**ASK.as_record(), **change}), blob)


@pytest.mark.parametrize("asks", [[], "asks", None, [1], [[]], [ASK.as_record()] * 1_000])
def test_a_list_that_is_none_is_refused(asks: Any) -> None:
    with pytest.raises(ValueError, match="ask"):
        asks_of({ASKS: asks}, b"")
