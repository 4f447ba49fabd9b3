"""Documents that are alike are asked about one after another."""

from __future__ import annotations

from assets.summaries.similar import groups_of, in_groups, signature

LETTER = " ".join(
    f"Clause {i} of the lease says that the tenant pays the rent of the month number {i} in time."
    for i in range(60)
)
OTHER = " ".join(
    f"Ship {i} left the harbour on a cold morning with salt for town {i}." for i in range(60)
)


def test_letters_of_one_form_are_a_group_and_others_are_not() -> None:
    signatures = {
        "a": signature("Dear Mr Olsen. " + LETTER),
        "b": signature(OTHER),
        "c": signature("Dear Mrs Berg. " + LETTER),
        "empty": signature(""),
        "short": signature("Two words"),
    }
    groups = groups_of(signatures)
    assert set(groups) == {"a", "c"}
    assert groups["a"] == groups["c"]
    assert in_groups(["b", "a", "empty", "c"], groups) == ["b", "a", "c", "empty"]


def test_signatures_are_the_same_every_time() -> None:
    assert signature(LETTER) == signature(LETTER)
    assert len(signature(LETTER)) == 64
