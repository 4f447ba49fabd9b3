"""What was foreseen against what came."""

from __future__ import annotations

import pytest

from resources.budget.amounts import Budget
from resources.budget.predictions import OutputForecast, past_output, prediction_errors
from resources.lake.lake import Lake
from tests.resources.budget.scripted import VERSION, Scripted, engine, request


def test_the_cap_at_first_then_what_answers_were_like() -> None:
    forecast = OutputForecast()
    assert forecast.expect(400) == 400
    for length in range(1, 101):
        forecast.saw(length)
    assert forecast.expect(400) == 96
    assert forecast.expect(50) == 50


def test_a_later_run_knows_what_earlier_ones_wrote(lake: Lake) -> None:
    assert past_output(lake, "summaries", VERSION) is None
    todo = [request(number, cap=400) for number in range(60)]
    list(engine(lake, Budget(), Scripted(output=30)).generate(todo))
    assert past_output(lake, "summaries", VERSION) == 30.0
    assert past_output(lake, "summaries", "another") is None
    assert engine(lake, Budget(), Scripted()).expect(request(1, cap=400)).output_tokens == 30


def test_errors_of_forecasts_are_recorded(lake: Lake) -> None:
    todo = [request(number, cap=60) for number in range(10)]
    list(engine(lake, Budget(), Scripted(output=30)).generate(todo))
    (row,) = prediction_errors(lake).to_dicts()
    assert (row["stage"], row["version"], row["calls"]) == ("summaries", VERSION, 10)
    assert (row["expected_output_tokens"], row["actual_output_tokens"]) == (600, 300)
    assert row["error_input_tokens"] == 0.0
    assert row["error_output_tokens"] == 1.0
    assert row["error_cost_usd"] == pytest.approx(220 / 160 - 1)


def test_calls_that_were_never_answered_say_nothing(lake: Lake) -> None:
    answers = engine(lake, Budget(), Scripted()).generate(request(n) for n in range(20))
    for _ in range(3):  # the third is one of two that were reserved together
        next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert prediction_errors(lake)["calls"].to_list() == [2]
