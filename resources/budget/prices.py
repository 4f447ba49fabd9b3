"""What a call of a model costs, without asking anybody: prices come with the package genai-prices.

Here: `QUIRE_PRICES`, the package's prices, and when none is known. Not here: what was spent.

The package knows providers by the address of their servers, so a model of the same name behind
another address has no price there: its owner says it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from resources.budget.amounts import Budget
from resources.errors import SettingError
from resources.settings import REPOSITORY_ROOT, Settings

MILLION: Final = 1_000_000
OPENAI: Final = "https://api.openai.com/v1"
"""Where requests go when QUIRE_BASE_URL is not set."""
_SHAPE: Final = '{"MODEL": {"input": 0.15, "output": 0.60}} (USD per million tokens)'
_FIELDS: Final = ("input", "output", "cached_input")


@dataclass(frozen=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    cached_input: float | None = None

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """USD of a call; `cached_tokens` are those of the input that the server had read before."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh = max(0, input_tokens - cached_tokens)
        read = fresh * self.input + (input_tokens - fresh) * cached
        return (read + output_tokens * self.output) / MILLION


class Prices:
    """Prices of the models behind one address."""

    def __init__(
        self,
        own: Mapping[str, Price] | None = None,
        *,
        address: str = OPENAI,
        free: bool = False,
        batch: bool = False,
    ) -> None:
        """Take what is known.

        Args:
            own: Prices that the user gave, by model; they go before all others.
            address: The server's; the package knows its provider by it.
            free: Models run on this machine, and cost nothing unless `own` says so.
            batch: Calls go through a Batch API; the package's batch prices count where it has
                them (half, for most), its ordinary ones where it has none.
        """
        self._own = dict(own or {})
        self._address = address
        self._free = free
        self._context = {"processing": "batch"} if batch else None

    @classmethod
    def of(cls, settings: Settings) -> Prices:
        """Prices by `QUIRE_PRICES`, `QUIRE_SUMMARISER` and `QUIRE_BASE_URL`.

        Raises:
            SettingError: `QUIRE_PRICES` cannot be read.
        """
        return cls(
            read_prices(settings.prices) if settings.prices else None,
            address=settings.base_url or OPENAI,
            free=settings.summariser in ("extractive", "transformers"),
            batch=settings.summariser == "openai_batch",
        )

    def cost(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        *,
        cached_tokens: int = 0,
        answered_by: str | None = None,
    ) -> float | None:
        """USD of one call, None when no price is known.

        Args:
            model: The model that was asked for.
            input_tokens: Tokens read.
            output_tokens: Tokens written.
            cached_tokens: Of the input, those that the server had read before.
            answered_by: The model that the server says it used; its price counts where it has one.
        """
        names = [name for name in (answered_by, model) if name]
        for name in names:
            if name in self._own:
                return self._own[name].cost(input_tokens, output_tokens, cached_tokens)
        if self._free:
            return 0.0
        # The name that was asked for has the user's price, or one that the user could look up.
        found = (self._listed(name, input_tokens, output_tokens, cached_tokens) for name in names)
        return next((cost for cost in found if cost is not None), None)

    def require(self, model: str, budget: Budget) -> None:
        """See that a budget of money can be kept.

        Raises:
            SettingError: There is one, and nobody knows what the model costs.
        """
        if budget.usd is None or self.cost(model, 1, 1) is not None:
            return
        mend = json.dumps({model: {"input": 0.15, "output": 0.60}})
        raise SettingError(
            f"QUIRE_BUDGET_USD={budget.usd:g} cannot be kept: no price of {model} at "
            f"{self._address} is known. Set QUIRE_PRICES='{mend}' (USD per million tokens; 0 when "
            "it is free), or QUIRE_BUDGET_TOKENS instead of QUIRE_BUDGET_USD"
        )

    def _listed(self, model: str, read: int, written: int, cached: int) -> float | None:
        from genai_prices import Usage, calc_price  # a third of a second, and only where models are

        usage = Usage(
            input_tokens=read, output_tokens=written, cache_read_tokens=min(cached, read) or None
        )
        try:
            found = calc_price(
                usage, model, provider_api_url=self._address, price_context=self._context
            )
        except LookupError:
            return None
        return float(found.total_price)


def read_prices(given: str, root: Path = REPOSITORY_ROOT) -> dict[str, Price]:
    """Prices as `QUIRE_PRICES` gives them: a JSON object, or the name of a file that holds one.

    Raises:
        SettingError: It is neither, or a price is no number of at least 0.
    """
    text, where = given, "QUIRE_PRICES"
    if not given.lstrip().startswith("{"):
        path = root / Path(given).expanduser()
        where = f"QUIRE_PRICES: {path}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"{where} cannot be read ({error}): give a JSON object {_SHAPE}, or a file of it"
            ) from None
    try:
        value: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingError(f"{where} is not JSON ({error}): write {_SHAPE}") from None
    if not isinstance(value, dict):
        raise SettingError(f"{where}: expected a JSON object {_SHAPE}")
    return {model: _price(where, model, fields) for model, fields in value.items()}


def _price(where: str, model: str, fields: object) -> Price:
    if not isinstance(fields, dict) or not {"input", "output"} <= set(fields) <= set(_FIELDS):
        raise SettingError(
            f"{where}: the price of {model} needs input and output, may have cached_input, and "
            f"nothing else: write {_SHAPE}"
        )
    for name, value in fields.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise SettingError(f"{where}: {name} of {model} must be a number of at least 0")
    return Price(**{name: float(value) for name, value in fields.items()})
