"""A number, its target and its worst cases."""

from __future__ import annotations

import math

import pytest

from bench.quality.measured import Case, Measured, Part, show


@pytest.mark.parametrize(
    ("value", "target", "better", "met"),
    [
        (0.95, 0.95, "higher", True),
        (0.949, 0.95, "higher", False),
        (0.02, 0.02, "lower", True),
        (0.021, 0.02, "lower", False),
        (7.0, None, "lower", True),
        (math.nan, 0.5, "higher", False),
        (math.nan, 0.5, "lower", False),
    ],
)
def test_a_number_meets_its_target(value: float, target: float, better: str, met: bool) -> None:
    assert Measured("a", value, target, better).met is met  # type: ignore[arg-type]


def test_the_worst_ten_come_first_and_perfect_ones_not_at_all() -> None:
    shares = [Case(str(n), n / 20) for n in range(21)]
    assert [c.where for c in Measured("a", 0.5, 0.9, "higher", shares).worst()] == [*"0123456789"]
    errors = [Case("much", 3.0), Case("none", 0.0), Case("less than none", -1.0), Case("some", 0.1)]
    assert [c.where for c in Measured("a", 1, 0, "lower", errors).worst()] == ["much", "some"]
    assert Measured("a", 1, 1, "higher", [Case("a", 1.0)]).worst() == []


def test_what_is_no_number_is_among_the_worst() -> None:
    (case,) = Measured("a", 0, 0, "lower", [Case("a", math.nan)]).worst()
    assert math.isnan(case.value)


def test_a_case_is_of_the_document_that_it_names() -> None:
    cases = [Case("x/a b.PDF page 3", 1.0), Case("a.pdf.copy.pdf 2", 0.5), Case("figure 7", 0.0)]
    found = [part.document for part in Measured("a", 0.5, 1, "higher", cases).all_parts()]
    assert found == ["x/a b.PDF", "a.pdf.copy.pdf", "figure 7"]


def test_parts_stand_for_the_cases() -> None:
    parts = [Part("a.pdf", 0.5, 10)]
    assert Measured("a", 0.5, 1, "higher", [Case("b.pdf", 1.0)], "", parts).all_parts() == parts


def test_the_table_says_what_is_met_and_what_is_worst(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        [
            Measured("tables: recall", 0.5, 0.95, "higher", [Case("a.pdf 1", 0.5, "lost: x")]),
            Measured("text: recall", 0.99, 0.98, "higher", note="2 documents"),
            Measured("speed", 3.0, None, "lower"),
        ]
    )
    said = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "tables: recall 0.5000 >= 0.95 NOT MET" in lines
    assert "text: recall 0.9900 >= 0.98 met 2 documents" in lines
    assert lines.index("beside value target") < lines.index("speed 3.0000")
    assert "1 of 2 met" in lines
    assert lines[-2:] == ["tables: recall: the worst of 1", "0.5000 a.pdf 1 lost: x"]
