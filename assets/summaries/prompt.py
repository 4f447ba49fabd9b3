"""The prompts, from their files, and the messages made of them.

Here: reading `prompts/<kind>-v<n>.md`, their versions, the JSON schema of the answer, and how text
is marked as data. Not here: what text (`visible.py`, `chunking.py`), or judging answers
(`answer.py`).

The line that ends the text carries a code that is the hash of the text: whoever writes a document
would have to write text that contains its own hash to forge that line. It is the same for the same
text, as the keys of the cache need it to be, where a random one would not be. It stands after the
text and not before it, so that documents with the same beginning have the same beginning of their
prompts, which servers keep in a cache.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from resources.llm.base import Message

Kind = Literal["summary", "chunk", "reduce"]

VERSION: Final = 1
"""Of all files: raised with a new set of them. A change of a file changes the hash beside it."""
WORDS_PER_TOKEN: Final = 0.4
"""Words that are asked for, per token that may be written: a word is 1.3 tokens of English and 2 of
most other languages, and the braces, keys and quotes want some."""
CHARS_PER_WORD: Final = 8
"""An English word is 6 letters long with its space, a German one 7: an answer that is longer than
this has not kept to the words asked for."""
OPENING: Final = "[document]"
CLOSING: Final = "[end of document"
_FOLDER: Final = Path(__file__).parent / "prompts"
_SALT: Final = "quire: where the document ends"
_FIELD: Final = re.compile(r"\{\{(\w+)\}\}")
_LANGUAGES: Final = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ka": "Georgian",
    "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "ta": "Tamil",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """A prompt's two messages, with `{{fields}}`, and its version: file name and hash."""

    version: str
    system: str
    user: str


@dataclass(frozen=True)
class Limits:
    """How long an answer may be."""

    tokens: int

    @property
    def words(self) -> int:
        """What the prompt asks for at most."""
        return max(8, int(self.tokens * WORDS_PER_TOKEN))

    @property
    def chars(self) -> int:
        """What an answer may have."""
        return self.words * CHARS_PER_WORD


@cache
def prompt(name: str) -> Prompt:
    """The prompt of this kind (or `again`), as its file says."""
    stem = f"{name}-v{VERSION}"
    text = (_FOLDER / f"{stem}.md").read_text(encoding="utf-8")
    system, _, user = text.partition("\n---\n")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Prompt(f"{stem}-{digest}", system.strip(), user.strip())


def prompt_versions() -> dict[str, str]:
    """The version of every prompt, for the version of the stage."""
    return {f"prompt_{name}": prompt(name).version for name in (*_KINDS, "again")}


_KINDS: Final[tuple[Kind, ...]] = ("summary", "chunk", "reduce")


def code_of(text: str) -> str:
    """What the line that ends this text carries; it does not occur in the text."""
    code = hashlib.sha256(f"{_SALT}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    while code in text:
        code = hashlib.sha256(code.encode()).hexdigest()[:24]
    return code


def messages_of(
    kind: Kind, text: str, language: str | None, limits: Limits, *, again: bool = False
) -> tuple[Message, ...]:
    """What a model is asked about a text.

    Args:
        kind: A whole document, a part of one, or the notes on all parts.
        text: The text; whatever stands in it, it is not read for fields.
        language: Its language, ISO 639-1; None when unsure.
        limits: Of the answer.
        again: Whether an answer could not be used: the instructions are stricter.
    """
    found = prompt(kind)
    fields = {
        "text": text,
        "code": code_of(text),
        "words": str(limits.words),
        "language": _in_language(language),
    }
    user = _filled(found.user, fields)
    if again:
        user += "\n\n" + _filled(prompt("again").system, fields)
    return Message("system", _filled(found.system, fields)), Message("user", user)


def prompt_version(kind: Kind, *, again: bool = False) -> str:
    """The version of what is asked."""
    version = prompt(kind).version
    return f"{version} {prompt('again').version}" if again else version


def schema_of(limits: Limits) -> dict[str, Any]:
    """The JSON schema of every answer; the language comes first, so that the text follows it."""
    return {
        "type": "object",
        "properties": {
            "language": {"type": "string", "maxLength": 16},
            "summary": {"type": "string", "maxLength": limits.chars},
        },
        "required": ["language", "summary"],
        "additionalProperties": False,
    }


def _in_language(language: str | None) -> str:
    name = _LANGUAGES.get(language or "")
    return f"Write in {name}." if name else "Write in the language that most of the text is in."


def _filled(template: str, fields: Mapping[str, str]) -> str:
    """One pass: a field's own text is never looked at for fields."""
    return _FIELD.sub(lambda found: fields[found[1]], template)
