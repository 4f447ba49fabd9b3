"""How many tokens a prompt will be to one model, learned from what its server counted.

Here: a calibrated estimate that needs no tokenizer and no download. Not here: exact counts, which
only the model's own tokenizer gives (`openai/discovery.py` asks the server for it).

The estimate of `assets/docs/tokens.py` is multiplied by a ratio per script, which follows the
server's own counts. Before any count is known it is an estimate from above: by 1.25 for Latin
script (that estimate is 0.80 of the mean of four tokenizers on tables of numbers, its worst), by
1.9 for Arabic and Thai, where tokenizers differ by up to 90 %, by 1.35 otherwise.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from assets.docs.tokens import estimate_tokens
from resources.llm.base import Message

MESSAGE_TOKENS: Final = 8
"""Of a chat template around one message, and before the answer: ChatML takes 5, Llama 3 takes 8."""
_SAMPLE: Final = 4_000
_SCRIPTS: Final[tuple[tuple[int, int, str], ...]] = (
    (0x0370, 0x0530, "cyrillic"),  # and Greek
    (0x0590, 0x0900, "arabic"),  # and Hebrew
    (0x0E00, 0x1000, "thai"),  # and Lao
    (0x3040, 0x3100, "kana"),
    (0x3400, 0xA000, "han"),
    (0xAC00, 0xD7B0, "hangul"),
)
_ABOVE: Final = {"latin": 1.25, "arabic": 1.9, "thai": 1.9}
_ABOVE_OTHERS: Final = 1.35
_KNOWN: Final = 3
"""Counts of a script before its own ratio is used."""
_WEIGHT: Final = 0.1
"""Of the newest count in the averages: about the last twenty count."""
_DEVIATIONS: Final = 2.0
"""Mean deviations that a prediction stays above the mean: about 95 % of counts lie below."""
_ABSURD: Final = 10.0
"""A server that counts ten times more or less than estimated counts something else."""


@dataclass
class Ratio:
    """Actual tokens by estimated ones, for one script: mean, mean deviation, how many counts."""

    mean: float = 1.0
    deviation: float = 0.0
    n: int = 0

    def observe(self, ratio: float) -> None:
        """Take one more count into the exponential averages."""
        weight = max(_WEIGHT, 1.0 / (self.n + 1))
        off = abs(ratio - self.mean) if self.n else 0.0
        self.deviation += weight * (off - self.deviation)
        self.mean += weight * (ratio - self.mean)
        self.n += 1


class Calibration:
    """What is known of one model's tokenizer. The caller keeps it (`to_json`, `from_json`)."""

    def __init__(self, ratios: dict[str, Ratio] | None = None) -> None:
        """Begin with what was learned before, or with nothing."""
        self._ratios = ratios or {}
        self.n = 0
        """Predictions that were compared with what the server counted."""
        self.predicted = 0
        """Tokens of all those predictions."""
        self.actual = 0
        """Tokens that the server counted for them."""
        self.off = 0.0
        """Mean of |predicted / actual - 1|."""

    def predict(self, text: str) -> int:
        """Tokens of a text, from above."""
        if not text:
            return 0
        script = script_of(text)
        known = self._ratios.get(script)
        if known is None or known.n < _KNOWN:
            ratio = _ABOVE.get(script, _ABOVE_OTHERS)
        else:
            ratio = known.mean + _DEVIATIONS * known.deviation
        return math.ceil(estimate_tokens(text) * ratio)

    def predict_messages(self, messages: Sequence[Message]) -> int:
        """Tokens of messages in a chat template, from above."""
        return sum(self.predict(m.content) for m in messages) + template_tokens(messages)

    def observe(self, messages: Sequence[Message], actual: int) -> None:
        """The server counted these messages."""
        text = "\n".join(message.content for message in messages)
        estimate = estimate_tokens(text) + template_tokens(messages)
        if actual <= 0 or not 1 / _ABSURD < actual / estimate < _ABSURD:
            return
        self._ratios.setdefault(script_of(text), Ratio()).observe(actual / estimate)

    def compare(self, predicted: int, actual: int) -> None:
        """Keep how far a prediction was off."""
        if predicted <= 0 or actual <= 0:
            return
        self.n += 1
        self.predicted += predicted
        self.actual += actual
        self.off += (abs(predicted / actual - 1) - self.off) / self.n

    def copy(self) -> Calibration:
        """What is known now, for predictions that must not change under way."""
        return Calibration.from_json(self.to_json())

    def to_json(self) -> str:
        """The ratios, in a fixed order."""
        ratios = {script: asdict(ratio) for script, ratio in sorted(self._ratios.items())}
        return json.dumps({"ratios": ratios}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """What `to_json` wrote.

        Raises:
            ValueError: It is not that; begin anew with `Calibration()`.
        """
        try:
            read: dict[str, dict[str, Any]] = json.loads(text)["ratios"]
            ratios = {
                script: Ratio(float(r["mean"]), float(r["deviation"]), int(r["n"]))
                for script, r in read.items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a calibration of tokens: {error!r}") from None
        if not all(math.isfinite(r.mean) and r.mean > 0 and r.n >= 0 for r in ratios.values()):
            raise ValueError("not a calibration of tokens: a ratio that no count can give")
        return cls(ratios)


def template_tokens(messages: Sequence[Message]) -> int:
    """Tokens of the chat template around these messages and before the answer, from above."""
    return MESSAGE_TOKENS * (len(messages) + 1)


def script_of(text: str) -> str:
    """The script of most letters of a text's beginning; `latin` when there are none."""
    sample = text[:_SAMPLE]
    if sample.isascii():
        return "latin"
    counts = Counter(_script(ord(character)) for character in sample if character.isalpha())
    if counts["kana"]:  # Japanese is mostly Han and is cut differently from Chinese
        counts["kana"] += counts.pop("han", 0)
    return counts.most_common(1)[0][0] if counts else "latin"


def _script(code: int) -> str:
    if code < 0x0250:
        return "latin"
    for start, end, name in _SCRIPTS:
        if start <= code < end:
            return name
    return "other"
