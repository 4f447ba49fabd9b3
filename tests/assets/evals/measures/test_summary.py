"""A summary against its source: what it invents, and whether it fits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evals.base import METRICS, STAGE_OF
from assets.evals.measures.summary import rouge_l, summary_alone
from resources.summariser.base import SummaryInput
from resources.summariser.extractive import ExtractiveSummariser
from tests.assets.evals import damage
from tests.assets.evals.samples_text import markdown_of

SOURCE = markdown_of("observatory-report.pdf")
GOOD = (
    "The observatory recorded 141 clear nights in 2024 and was on the sky for 872 hours. A third "
    "companion of KF 117 was found by Ines Harrow, and the mirror will be aluminised in April 2025."
)


def errors(
    summary: str | None, source: str = SOURCE, status: str | None = "ok"
) -> dict[str, float]:
    return {m.metric: m.value for m in summary_alone(summary, source, status=status)}


def extractive(source: str) -> str:
    (record,) = ExtractiveSummariser().summarise(
        [SummaryInput("0" * 64, None, source, "ok", tuple(source.split("\n\n")))]
    )
    return record.summary or ""


def test_a_good_summary_has_hardly_an_error() -> None:
    found = errors(GOOD)
    assert found.pop("novelty") < 0.1
    assert set(found.values()) == {0}


def test_an_extractive_summary_invents_nothing() -> None:
    found = errors(extractive(SOURCE))
    assert all(
        found[metric] == 0
        for metric in ("failed_summary", "unsupported_numbers", "unsupported_names", "compression")
    )


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10_000))
def test_invented_numbers_are_unsupported_and_little_else(seed: int) -> None:
    before, after = errors(GOOD), errors(damage.invent_numbers(GOOD, seed))
    assert after["unsupported_numbers"] > 0.7
    assert before["unsupported_numbers"] == 0
    assert all(after[m] == before[m] for m in before if m not in ("unsupported_numbers", "novelty"))


def test_a_number_where_the_summary_had_none_is_measured_on_both_sides() -> None:
    plain = "The observatory had a good year, and the mirror will be done again in spring."
    assert errors(plain)["unsupported_numbers"] == 0
    assert errors(damage.invent_numbers(plain))["unsupported_numbers"] == 1


def test_invented_names_are_unsupported() -> None:
    said = "The year was good, as the director Margaret Holloway of Edinburgh told the trustees."
    found = {m.metric: m for m in summary_alone(said, SOURCE)}
    assert found["unsupported_names"].value == 1
    assert "margaret" in found["unsupported_names"].explanation


def test_another_language_is_an_error() -> None:
    german = "Die Sternwarte hatte ein gutes Jahr und der Spiegel wird im April neu beschichtet."
    assert errors(german)["language"] == 1
    assert "language" not in errors("872")


@pytest.mark.parametrize("summary", ["Report.", "word " * 3000])
def test_a_length_that_does_not_fit_is_an_error(summary: str) -> None:
    assert errors(summary)["compression"] > 0.3


def test_a_summary_that_goes_round_in_circles_is_repetition() -> None:
    assert errors("The dome is closed for the whole of the year. " * 8)["repetition"] > 0.5


@pytest.mark.parametrize(
    ("summary", "source", "status", "expected"),
    [
        (None, SOURCE, "failed", {"failed_summary": 1}),
        (None, SOURCE, "empty", {"failed_summary": 1}),
        ("", SOURCE, "ok", {"failed_summary": 1}),
        (None, "", "empty", {"failed_summary": 0}),
        (None, SOURCE, "blocked", {}),
        (None, SOURCE, None, {}),
    ],
)
def test_a_summary_that_is_not_there(
    summary: str | None, source: str, status: str | None, expected: dict[str, float]
) -> None:
    assert errors(summary, source, status) == expected


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=200), st.text(max_size=200))
def test_every_summary_has_shares(summary: str, source: str) -> None:
    for measure in [*summary_alone(summary, source), rouge_l(source, summary)]:
        assert measure.metric in METRICS
        assert 0 <= measure.value <= 1


def test_rouge_is_an_error_of_the_reference() -> None:
    assert rouge_l(GOOD, GOOD).value == 0
    assert rouge_l(GOOD, "Nothing like it.").value > 0.9
    assert rouge_l("", "").value == 0
    assert rouge_l("", GOOD).value == rouge_l(GOOD, "").value == 1
    half = " ".join(GOOD.split()[: len(GOOD.split()) // 2])
    assert rouge_l(GOOD, half).value == pytest.approx(1 / 3, abs=0.05)
    assert STAGE_OF["rouge_l"] == "summaries"
