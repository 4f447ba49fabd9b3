r"""Writing markdown from text that is data: what a document says never becomes structure.

Here: escaping, the shapes of a line (heading, item, quote, note, fence, image reference), and
reading references back. Not here: which block becomes which shape (`render.py`).

Only this module writes signs of markdown. A note of ours is a line that starts with `> [`; a quoted
text that starts with `[` is written `> \[`, so neither can pass for the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_PUNCTUATION: Final = r"!-/:-@\[-`{-~"
# A backslash where it would escape what follows (or the end of a table's cell); emphasis and code;
# tags and comments; images, links and footnotes; entities; strike-through.
_INLINE: Final = re.compile(
    rf"\\(?=[{_PUNCTUATION}]|$)|[`*]|(?<![^\W_])_|_(?![^\W_])"
    r"|<(?=[A-Za-z/!?])|!(?=\[)|\](?=[(\[:])|\[(?=\^)|&(?=#?\w+;)|~(?=~)"
)
_SIGNS: Final = ("\\", "`", "*", "_", "<", "&", "~", "![", "](", "][", "]:", "[^")
"""Every match of `_INLINE` holds one of these."""
_LINE_START: Final = re.compile(r"(?:#{1,6}(?=\s|$)|>|\||[-+](?=\s|$)|=+\s*$|-[- ]*$|~(?=~))")
_NUMBER_START: Final = re.compile(r"([0-9]{1,9})([.)])(?=\s|$)")
_UNESCAPE: Final = re.compile(rf"\\([{_PUNCTUATION}])")
_TRAILING_HASHES: Final = re.compile(r"(?<=\s)#+\s*$")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_REFERENCE: Final = re.compile(r"(?<!\\)!\[([^\[\]\n]*)\]\(image:([0-9a-f]{64})\)")
_FORGED: Final = re.compile(r"\](?=\(image:)")


def escape(text: str) -> str:
    """One line of text that markdown shows as it is, wherever in a line it stands."""
    if not any(sign in text for sign in _SIGNS):  # the common case, ten times as fast
        return text
    return _INLINE.sub(lambda found: "\\" + found.group(), text)


def escape_line(text: str) -> str:
    """One line of text that markdown shows as it is, at the start of a line too."""
    escaped = escape(text.strip())
    if _LINE_START.match(escaped):
        return "\\" + escaped
    return (
        _NUMBER_START.sub(r"\1\\\2", escaped, count=1) if _NUMBER_START.match(escaped) else escaped
    )


def unescape(markdown: str) -> str:
    """The text that `escape` or `escape_line` was given."""
    return _UNESCAPE.sub(r"\1", markdown)


def heading(level: int, text: str) -> str:
    """A heading of this level, 1 to 6."""
    escaped = escape(text.strip())
    closed = _TRAILING_HASHES.sub(lambda found: "\\" + found.group(), escaped)
    return f"{'#' * min(max(level, 1), 6)} {closed}"


def item(marker: str, text: str) -> str:
    """An item of a list: `-` or a number with its dot, then the text."""
    return f"{marker} {escape_line(text)}"


def quote(text: str) -> str:
    """Text that stands beside the body: footnotes, words inside pictures, comments."""
    escaped = escape_line(text)
    return f"> \\{escaped}" if escaped.startswith("[") else f"> {escaped}"


def note(text: str) -> str:
    """A line of ours about the document, such as a page that could not be read."""
    return f"> [{text}]"


def fence(text: str) -> str:
    """A code block; its text stands as it is, but for what would read as an image reference."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    marks = "`" * max(3, longest + 1)
    body = _FORGED.sub(r"]\\", text)
    return f"{marks}\n{body}\n{marks}"


def cell(text: str) -> str:
    """A cell of a pipe table."""
    return escape(text.strip()).replace("|", "\\|").replace("\n", "<br>")


def is_sha256(value: object) -> bool:
    """Whether a value can stand in an image reference."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def image(alt: str, sha256: str) -> str:
    """The reference to an image of `image_data`."""
    safe = re.sub(r"[\[\]()!\\<>`*_\n]", " ", alt)
    return f"![{' '.join(safe.split())}](image:{sha256})"


def image_references(markdown: str) -> list[tuple[str, str]]:
    """The (alt, sha256) of every image that a document's markdown refers to, in order."""
    return _REFERENCE.findall(markdown)


def replace_image_references(markdown: str, target: Callable[[str], str]) -> str:
    """The markdown with each `image:<sha256>` as what `target(sha256)` gives, such as a path."""
    return _REFERENCE.sub(lambda m: f"![{m.group(1)}]({target(m.group(2))})", markdown)
