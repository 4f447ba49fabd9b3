"""What a call costs: the user's word first, then the package's, and nobody's guess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.budget.amounts import Budget
from resources.budget.prices import Price, Prices, read_prices
from resources.errors import SettingError
from resources.settings import load_settings


def settings(tmp_path: Path, **values: str) -> Prices:
    return Prices.of(load_settings({}, tmp_path, values))


def test_a_known_model_has_its_price_without_a_network(tmp_path: Path) -> None:
    prices = settings(tmp_path, summariser="openai", model="gpt-4o-mini")
    assert prices.cost("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.75)
    dated = prices.cost("gpt-4o-mini", 1_000_000, 0, answered_by="gpt-4o-mini-2024-07-18")
    assert dated == pytest.approx(0.15)


def test_tokens_that_the_server_had_read_are_cheaper(tmp_path: Path) -> None:
    prices = settings(tmp_path, summariser="openai")
    assert prices.cost("gpt-4o-mini", 1_000_000, 0, cached_tokens=1_000_000) == pytest.approx(0.075)
    own = Prices({"m": Price(1.0, 2.0, cached_input=0.1)})
    assert own.cost("m", 1_000_000, 0, cached_tokens=500_000) == pytest.approx(0.55)


def test_a_batch_costs_half_where_that_is_known(tmp_path: Path) -> None:
    prices = settings(tmp_path, summariser="openai_batch")
    assert prices.cost("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.375)


def test_a_model_on_this_machine_is_free_unless_priced(tmp_path: Path) -> None:
    assert settings(tmp_path, summariser="transformers").cost("/models/q", 10, 10) == 0.0
    priced = json.dumps({"/models/q": {"input": 1, "output": 1}})
    prices = settings(tmp_path, summariser="transformers", prices=priced)
    assert prices.cost("/models/q", 1_000_000, 0) == 1.0


def test_a_model_of_that_name_behind_another_address_has_no_price(tmp_path: Path) -> None:
    prices = settings(tmp_path, summariser="openai", base_url="http://127.0.0.1:8000/v1")
    assert prices.cost("gpt-4o-mini", 10, 10) is None


def test_an_unknown_price_with_a_budget_of_money_is_an_error_that_says_the_mend() -> None:
    prices = Prices(address="http://127.0.0.1:8000/v1")
    prices.require("qwen", Budget(tokens=10))
    with pytest.raises(SettingError, match=r"QUIRE_PRICES='\{\"qwen\": \{\"input\""):
        prices.require("qwen", Budget(usd=5.0))
    Prices({"qwen": Price(0.0, 0.0)}).require("qwen", Budget(usd=5.0))


def test_the_users_price_goes_before_the_packages(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"gpt-4o-mini": {"input": 3, "output": 4}}')
    own = read_prices("prices.json", tmp_path)
    assert Prices(own).cost("gpt-4o-mini", 1_000_000, 1_000_000) == 7.0
    dated = Prices(own).cost("gpt-4o-mini", 1_000_000, 0, answered_by="gpt-4o-mini-2024-07-18")
    assert dated == 3.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "is not JSON"),
        ('{"m": 3}', "needs input and output"),
        ('{"m": {"input": 3}}', "needs input and output"),
        ('{"m": {"input": 3, "output": 1, "ouput": 2}}', "nothing else"),
        ('{"m": {"input": -1, "output": 1}}', "at least 0"),
        ('{"m": {"input": true, "output": 1}}', "at least 0"),
        ('{"m": {"input": NaN, "output": 1}}', "at least 0"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_prices_that_cannot_be_read_say_what_would_be_right(
    tmp_path: Path, given: str, said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        read_prices(given, tmp_path)
