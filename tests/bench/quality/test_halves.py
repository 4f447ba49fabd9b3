"""Numbers of half the documents, made again from their parts."""

from __future__ import annotations

import math

import pytest

from bench.quality.halves import Half, halves_of, show_halves, whole_of
from bench.quality.measured import Case, Measured, Part


def test_two_documents_have_only_one_split() -> None:
    parts = [Part("a.pdf", 1.0, 30), Part("a.pdf", 0.9, 10), Part("b.pdf", 0.5, 10)]
    found = halves_of(Measured("a", 44 / 50, 0.95, "higher", (), "", parts), splits=3)
    assert isinstance(found, list)
    assert len(found) == 6
    a, b = Half((30 + 9) / 40, 0.95, met=True), Half(0.5, 0.95, met=False)
    for first in range(0, 6, 2):
        assert sorted(found[first : first + 2], key=lambda half: half.value) == [b, a]


def test_pages_of_a_document_stay_together() -> None:
    cases = [Case(f"{name}.pdf page {n}", float(name)) for name in range(8) for n in (1, 2, 3)]
    found = halves_of(Measured("a", 3.5, None, "higher", cases), splits=20)
    assert isinstance(found, list)
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert one.value + other.value == pytest.approx(7)  # four whole documents each
        assert (one.value * 4).is_integer()
    assert len({half.value for half in found}) > 5


def test_the_same_seed_gives_the_same_halves_and_another_others() -> None:
    measured = Measured("a", 4.5, 4.5, "higher", [Case(f"{n}.pdf", n) for n in range(10)])
    assert halves_of(measured, 4, seed=7) == halves_of(measured, 4, seed=7)
    assert halves_of(measured, 4, seed=7) != halves_of(measured, 4, seed=8)


def test_the_worst_and_the_sum_are_made_again_too() -> None:
    cases = [Case("a.pdf", 0.3), Case("b.pdf", 0.1)]
    worst = halves_of(Measured("a", 0.3, 0.2, "lower", cases), splits=1)
    assert isinstance(worst, list)
    assert sorted((h.value, h.met) for h in worst) == [(0.1, True), (0.3, False)]
    parts = [Part("a.pdf", 2.0), Part("b.pdf", 0.0), Part("c.pdf", 1.0)]
    total = halves_of(Measured("a", 3.0, 0.0, "lower", (), "", parts, "sum"), splits=5)
    assert isinstance(total, list)
    assert {
        one.value + other.value for one, other in zip(total[::2], total[1::2], strict=True)
    } == {3.0}


def test_a_target_that_is_a_mean_is_made_again() -> None:
    parts = [Part("a.pdf", 0.4, target=0.3), Part("b.pdf", 0.2, target=0.25)]
    found = halves_of(Measured("a", 0.3, 0.275, "higher", (), "", parts), splits=1)
    assert isinstance(found, list)
    assert set(found) == {Half(0.4, 0.3, met=True), Half(0.2, 0.25, met=False)}


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (Measured("a", 0.0, 1, "higher"), "0 documents"),
        (Measured("a", 0.5, 1, "higher", [Case("a.pdf 1", 0.5)]), "1 document"),
        (
            Measured("a", 0.01, 1, "lower", [Case("a.pdf", 1.0), Case("b.pdf", 1.0)]),
            "the value is not made of its cases",
        ),
        (
            Measured("a", 0.5, 1, "lower", [Case("a.pdf", 1.0), Case("b.pdf", 0.0)], whole="sum"),
            "the value is not made of its cases",
        ),
    ],
)
def test_what_has_no_halves_says_why(measured: Measured, why: str) -> None:
    assert halves_of(measured, splits=2) == why


def test_nothing_makes_no_number() -> None:
    assert math.isnan(whole_of([], "mean", "higher"))
    assert math.isnan(whole_of([Part("a", 1.0, 0.0)], "mean", "higher"))
    assert math.isnan(whole_of([], "worst", "lower"))
    assert whole_of([], "sum", "lower") == 0
    assert whole_of([Part("a", 0.2), Part("b", 0.7)], "worst", "higher") == 0.2


def test_each_half_that_falls_short_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [Case("a.pdf", 1.0), Case("b.pdf", 0.5)]
    odd = Measured("odd", 0.1, 0.9, "higher", cases)
    show_halves([Measured("order", 0.75, 0.9, "higher", cases), odd], splits=1)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-2][:4] == ["order", "0.7500", "0.5000", "1.0000"]
    assert " ".join(lines[-2]).endswith(("1 of 2 met 1.0000 0.5000!", "1 of 2 met 0.5000! 1.0000"))
    assert " ".join(lines[-1]).endswith("no halves: the value is not made of its cases")
