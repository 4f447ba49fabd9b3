"""What of a document reaches a model: the text that a reader of its pages sees.

Here: leaving out notes of ours, comments, hidden text, references to images, and characters that
show as nothing. Not here: which of it is prose (`body.py`), where it is cut (`chunking.py`).

Hidden text (white on white, under the picture of a scan) stands in a document's markdown as a
comment, behind a note of ours (`assets/pages/forms_notes.py`); a document cannot write such a note
itself (`assets/docs/markup.py`). It is what somebody hides who means a model, not a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_OUR_NOTE: Final = "> ["
_IMAGE: Final = re.compile(r"(?<!\\)!\[[^\[\]\n]*\]\(image:[0-9a-f]{64}\)")
_FENCE: Final = re.compile(r"(`{3,})\n.*?\n\1(?=\n|$)", re.DOTALL)
_JOINING: Final = "\u0600-\u06ff\u0750-\u077f\u0900-\u0dff\u1000-\u109f\u1780-\u17ff"
"""Scripts that write words with zero-width joiners and non-joiners."""
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    "|[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e]"
    "|[\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]"
    "|[\U000e0000-\U000e0fff]"  # tags and selectors: whole ASCII texts can hide in them
    f"|(?<![{_JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}])"
)


def without_unseen(text: str) -> str:
    """The text without zero-width, direction and control characters; lines and tabs stay."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))


def visible_blocks(markdown: str) -> tuple[str, ...]:
    """The blocks of a document's markdown that a model may read, in order; fences are whole."""
    return tuple(_visible(without_unseen(markdown)))


def _visible(markdown: str) -> Iterator[str]:
    for block in _blocks(markdown):
        if block.startswith("```"):
            yield block
            continue
        lines = (line for line in block.split("\n") if not line.startswith(_OUR_NOTE))
        text = _IMAGE.sub("", "\n".join(lines)).strip("\n")
        if text.strip():
            yield text


def _blocks(markdown: str) -> Iterator[str]:
    """Parts between blank lines, but a code block in one piece."""
    place = 0
    for found in _FENCE.finditer(markdown):
        yield from _parts(markdown[place : found.start()])
        yield found.group()
        place = found.end()
    yield from _parts(markdown[place:])


def _parts(text: str) -> Iterator[str]:
    for part in re.split(r"\n[ \t]*\n\s*", text):
        if part.strip():
            yield part.strip("\n")
