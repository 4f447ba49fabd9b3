"""From lines and cells to text and markdown of a block, and from blocks to those of a page.

Here: escaping, inline styles, pipe tables, headings, lists, code. Not here: heading levels over a
document and joining of lines (both are decided in `docs`, from all pages), or where images end up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from assets.pages.records import Block, Kind, Line, Span

BULLETS: Final = "•‣◦⁃∙●○◘▪▫■□–—▶▸►➢➤❖✓✔\uf0b7\uf0a7\uf076"
"""Signs that start an item of a list; dashes only count when a space follows."""

_INLINE: Final = re.compile(r"[\\`*]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|!(?=\[)|\](?=\()")
_FIRST_LINE: Final = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|>|[-+=~](?=[\s=~-]|$)|\d{1,9}[.)](?=\s))")
_NEXT_LINE: Final = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|>|[-+=~](?=[\s=~-]|$)|1[.)](?=\s))")
"""Only a list that starts at 1 can interrupt a paragraph (CommonMark 5.3)."""
_NUMBERED: Final = re.compile(r"^\s*(\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)])\s+")
_BULLET: Final = re.compile(rf"^\s*(?:[{BULLETS}]|[-*](?=\s))\s*")
_SIGNS: Final = re.compile(r"[\\`*_<!\]]")
"""What `_INLINE` may match: most lines have none, and this is seen ten times as fast."""
_SPACES: Final = re.compile(r"[ \t\u00a0]{2,}|[\t\u00a0]")
"""What is not a single space already."""
_RAISED_NUMBER: Final = re.compile(
    r"(?=[^0-9]*[0-9])[\s0-9+\-\u2010\u2013\u2212,;.*\u2020\u2021\u00a7]+"
)
_FRACTION: Final = ("/", "\u2044", "\u2215")
"""What follows the numerator of a fraction in small figures; all of it is one number."""
_SUPERSCRIPTS: Final = str.maketrans(
    "0123456789+-−",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻",
)
_LINE_END: Final = Span("\n")
_STYLES: Final = (("bold", "**"), ("italic", "*"))


def plain(lines: Sequence[Line]) -> str:
    """The text of lines as it stands, one line each."""
    texts = (clean(_with_raised(line)) for line in lines)
    return "\n".join(text for text in texts if text)


def _with_raised(line: Line) -> str:
    """A line's text with raised numbers as superscripts: `hours.¹`, `10⁶`.

    Plain text has no other way to tell a note's mark from a number, and a power from a factor.
    What has letters or brackets of its own (`1st`, `[3]`) reads well as it stands.
    """
    if not any(span.raised for span in line.spans):
        return line.text
    follows = [*(span.text.lstrip() for span in line.spans[1:]), ""]
    return "".join(
        [
            span.text.translate(_SUPERSCRIPTS)
            if span.raised and _RAISED_NUMBER.fullmatch(span.text) and after[:1] not in _FRACTION
            else span.text
            for span, after in zip(line.spans, follows, strict=True)
        ]
    )


def verbatim(lines: Sequence[Line]) -> str:
    """The text of lines with their indentation, for code."""
    return "\n".join(line.text.rstrip().replace("\x00", "") for line in lines)


def clean(text: str) -> str:
    """A line's text with runs of spaces as one, and none at its ends."""
    return _SPACES.sub(" ", text.replace("\x00", "")).strip()


def escape(text: str) -> str:
    """Text that markdown shows as it is: no emphasis, tags, images or links by accident."""
    if not _SIGNS.search(text):
        return text
    return _INLINE.sub(lambda found: "\\" + found.group(), text)


def starts_item(text: str) -> bool:
    """Whether a line starts an item of a list with a bullet."""
    found = _BULLET.match(text)
    return found is not None and found.end() < len(text)


def starts_number(text: str) -> bool:
    """Whether a line starts a numbered item of a list."""
    return bool(_NUMBERED.match(text))


def render(kind: Kind, lines: Sequence[Line]) -> str:
    """The markdown of a block of this kind made of these lines."""
    if kind == "code":
        return fenced(verbatim(lines))
    if kind in ("title", "heading"):
        text = " ".join(t for t in (escape(clean(_with_raised(line))) for line in lines) if t)
        return f"{'#' if kind == 'title' else '##'} {text}" if text else ""
    styled = _styled(lines)
    if not styled:
        return ""
    if kind == "list_item":
        return _list_item(styled)
    return "\n".join([_line_start(_FIRST_LINE, styled[0]), *map(_next_line, styled[1:])])


def fenced(body: str) -> str:
    """Code between fences, as it stands."""
    return f"{_fence(body)}\n{body}\n{_fence(body)}" if body.strip() else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a pipe table; the first row is its head."""
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    cells = [[_cell(text) for text in row] + [""] * (width - len(row)) for row in rows]
    written = ["|" + "|".join(row) + "|" for row in cells]
    written.insert(1, "|" + "|".join(["---"] * width) + "|")
    return "\n".join(written)


def page_text(blocks: Sequence[Block]) -> str:
    """The plain text of a page in reading order; comments are no part of it."""
    return "\n\n".join(b.text for b in blocks if b.text and b.kind != "annotation")


def page_markdown(blocks: Sequence[Block]) -> str:
    """The markdown of a page in reading order; comments are no part of it."""
    return "\n\n".join(b.markdown for b in blocks if b.markdown and b.kind != "annotation")


def _styled(lines: Sequence[Line]) -> list[str]:
    """Lines with their inline styles, which run on over a line's end: words are joined later."""
    if any(s.bold or s.italic or s.mono or s.raised for line in lines for s in line.spans):
        spans = [span for line in lines for span in (*line.spans, _LINE_END)]
        written = "".join([_span(span) for span in _merged(spans)])
    else:
        written = escape("\n".join([line.text for line in lines]).replace("\x00", ""))
    cleaned = (_SPACES.sub(" ", line).strip() for line in written.split("\n"))
    return [line for line in cleaned if line]


def _span(span: Span) -> str:
    text = span.text.replace("\x00", "")
    core = text.strip()
    if not core:
        return text
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :]
    if span.mono and "`" not in core:
        return f"{before}`{core}`{after}"
    if span.raised:
        return f"{before}<sup>{escape(core)}</sup>{after}"
    if not (span.bold or span.italic):
        return f"{before}{escape(core)}{after}"
    lead, word, tail = _without_signs(core)
    if word:  # a bold full stop says nothing, and emphasis that starts with a sign may not show
        word = escape(word)
        for style, mark in _STYLES:
            if getattr(span, style):
                word = f"{mark}{word}{mark}"
    return f"{before}{escape(lead)}{word}{escape(tail)}{after}"


def _without_signs(text: str) -> tuple[str, str, str]:
    """Leading signs, what is between, trailing signs (CommonMark 6.2: flanking delimiters)."""
    start, end = 0, len(text)
    while start < end and _is_sign(text[start]):
        start += 1
    while end > start and _is_sign(text[end - 1]):
        end -= 1
    return text[:start], text[start:end], text[end:]


def _is_sign(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] in "PS"


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and (
            not span.text.strip()
            or (last.bold, last.italic, last.mono, last.raised)
            == (span.bold, span.italic, span.mono, span.raised)
        ):
            merged[-1] = Span(last.text + span.text, last.bold, last.italic, last.mono, last.raised)
        else:
            merged.append(span)
    return merged


def _list_item(styled: Sequence[str]) -> str:
    first = styled[0]
    if number := _NUMBERED.match(first):
        head = first if number.group(1)[:-1].isdigit() else f"- {first}"
    else:
        head = f"- {_BULLET.sub('', first, count=1)}".rstrip()
    return "\n".join([head, *(f"  {_next_line(text)}" for text in styled[1:])])


def _next_line(text: str) -> str:
    return _line_start(_NEXT_LINE, text)


def _line_start(pattern: re.Pattern[str], text: str) -> str:
    """A line with the sign at its start escaped that would make it a heading, list or quote."""
    found = pattern.match(text)
    if found is None:
        return text
    indent, mark = found.groups()
    # Of a number, only the dot or bracket may carry the backslash.
    mark = f"{mark[:-1]}\\{mark[-1]}" if mark[0].isdigit() else f"\\{mark}"
    return f"{indent}{mark}{text[found.end() :]}"


def _cell(text: str) -> str:
    return escape(clean(text)).replace("|", "\\|").replace("\n", "<br>")


def _fence(body: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=2)
    return "`" * max(3, longest + 1)
