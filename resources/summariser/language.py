"""A guess at a text's language: by its script, then by its commonest words.

Here: one small function without a model. Not here: anything that needs to be sure; unsure is None.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Final

SAMPLE_CHARS: Final = 8_000
"""Enough to tell a language; the guess costs about a millisecond whatever the document's length."""
MIN_LETTERS: Final = 20
MIN_SHARE: Final = 0.08
"""Share of words that must be common words of the language: prose has 0.25 to 0.5, lists of names
and numbers under 0.05."""

_SCRIPTS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("latin", re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")),
    ("cyrillic", re.compile("[\u0400-\u052f]")),
    ("greek", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("arabic", re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefe]")),
    ("hebrew", re.compile("[\u0590-\u05ff]")),
    ("devanagari", re.compile("[\u0900-\u097f]")),
    ("bengali", re.compile("[\u0980-\u09ff]")),
    ("tamil", re.compile("[\u0b80-\u0bff]")),
    ("thai", re.compile("[\u0e00-\u0e7f]")),
    ("georgian", re.compile("[\u10a0-\u10ff]")),
    ("armenian", re.compile("[\u0530-\u058f]")),
    ("hangul", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("kana", re.compile("[\u3040-\u30ff]")),
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
)
_BY_SCRIPT: Final = {
    "greek": "el",
    "hebrew": "he",
    "bengali": "bn",
    "tamil": "ta",
    "thai": "th",
    "georgian": "ka",
    "armenian": "hy",
    "hangul": "ko",
}
_COMMON: Final[dict[str, dict[str, frozenset[str]]]] = {
    script: {language: frozenset(words.split()) for language, words in languages.items()}
    for script, languages in {
        "latin": {
            "en": "the of and to in is that for it as was with be by on are this which or from an",
            "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine",
            "fr": "de la le et les des en un une du est que dans qui pour sur pas au par plus ce",
            "es": "de la que el en y a los del se las por un para con no una su al es lo como",
            "it": "di che e la il un a per in una non sono del della si con le dei nel alla come",
            "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como ao",
            "nl": "de het een en van in is dat op te zijn met voor niet aan er die door ook als",
            "sv": "och att det i en på är som för av med till den har inte om ett de var från så",
            "da": "og at det i en på er som for af med til den har ikke om et de var fra så blev",
            "no": "og å det i en på er som for av med til den har ikke om et de var fra så ble",
            "fi": "ja on ei se että hän oli mutta kun niin ovat myös joka tai sen mukaan kuin ole",
            "pl": "i w na z się nie do to jest że o jak po co za od przez dla są oraz lub być",
            "cs": "a v se na je že s z do o pro jako ale by které nebo byl jsou od po podle však",
            "tr": "ve bir bu da de için ile olarak daha çok olan gibi en kadar sonra ne var ise",
            "vi": "và của là các có được cho trong một với những này không người để từ khi đã",
            "id": "yang dan di dari untuk dengan ini pada itu dalam tidak akan adalah atau oleh ke",
            "hu": "a az és hogy nem is egy van volt meg ez de csak el mint már ha vagy ki még",
            "ro": "de și în a la cu pe care nu este din pentru mai un o că se sunt ale au sau",
        },
        "cyrillic": {
            "ru": "и в не на что с по это как для из к от он а но или его быть также при если вы",
            "uk": "і в не на що з до це як для та від він а але або його бути також при якщо ви є",
            "bg": "и в не на че с по това как за от той а но или се да е са също при ако",
        },
        "arabic": {
            "ar": "في من على إلى أن هذا التي عن مع ما لا هو كان هذه الذي و أو كل بين بعد قد",
            "fa": "در از به که این با است را برای آن یک خود می تا بر شد های هم بود یا",
            "ur": "کے میں کی ہے اور سے کا کو اس کہ پر نے ہیں یہ بھی ایک تھا کر جو",
        },
        "devanagari": {
            "hi": "के में की है और से का को पर ने हैं यह भी एक कि इस जो कर लिए नहीं",
            "mr": "आणि आहे या च्या मध्ये हे ते की व होते एक ही नाही तर साठी",
        },
    }.items()
}
_WORD: Final = re.compile(r"[^\W\d_]+(?:[\u0900-\u097f]+)?")


def guess_language(text: str) -> str | None:
    """The ISO 639-1 code of a text's language, None when unsure."""
    sample = text[:SAMPLE_CHARS]
    counts = _scripts(sample)
    if sum(counts.values()) < MIN_LETTERS:
        return None
    # Japanese is written in Han and kana; Chinese in Han alone. A Latin word among them is usual.
    if counts["kana"] + counts["han"] > 0.3 * sum(counts.values()):
        return "ja" if counts["kana"] > 0.1 * counts["han"] else "zh"
    script = max(counts, key=lambda name: counts[name])
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    return _by_words(sample, script)


def _scripts(sample: str) -> dict[str, int]:
    if sample.isascii():
        return {name: 0 for name, _ in _SCRIPTS} | {"latin": sum(map(str.isalpha, sample))}
    counts = {name: 0 for name, _ in _SCRIPTS}
    # A page has some eighty different characters: counting first is three times as fast.
    for char, count in Counter(sample).items():
        if name := _script(char):
            counts[name] += count
    return counts


@functools.lru_cache(maxsize=65_536)
def _script(char: str) -> str | None:
    return next((name for name, pattern in _SCRIPTS if pattern.match(char)), None)


def _by_words(sample: str, script: str) -> str | None:
    words = Counter(_WORD.findall(sample.casefold()))
    total = sum(words.values())
    shares = {
        language: sum(words[word] for word in common & words.keys()) / total if total else 0.0
        for language, common in _COMMON[script].items()
    }
    best = max(shares, key=lambda language: shares[language])
    return best if shares[best] >= MIN_SHARE else None
