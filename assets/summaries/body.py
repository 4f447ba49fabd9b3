"""Which lines of a document's markdown are its body: the prose that a summary is made of.

Here: leaving out headings, tables, code, pictures, quotes (footnotes, comments, notes of ours),
contents, references. Not here: sentences and their weights (`resources/summariser`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from assets.docs.markup import unescape

_FENCE: Final = re.compile(r"(`{3,})\n.*?\n\1(?=\n|$)", re.DOTALL)
_HEADING: Final = re.compile(r"(#{1,6}) (.*)")
_ITEM: Final = re.compile(r"\s*(?:-|\d{1,9}[.)]) ")
_LABEL: Final = re.compile(r"^[\s\d.:]+|[\s\d.:]+$")
_SPARE: Final = re.compile(
    r"(?i)(?:table of )?contents|list of (?:figures|tables)|references?(?: cited)?|bibliography"
    r"|(?:literature|works) cited|index|acknowledge?ments?|author contributions|revision history"
    r"|inhalt(?:sverzeichnis)?|literatur(?:verzeichnis)?|table des mati[eè]res|bibliographie"
    r"|références|[ií]ndice|referencias|bibliograf[ií]a|содержание|оглавление|литература"
    r"|список литературы|目次|目录|目錄|参考文献|參考文獻|차례|목차|참고 ?문헌|المحتويات|المراجع"
    r"|สารบัญ|บรรณานุกรม"
)
_OPENING: Final = re.compile(
    r"(?i)abstract|(?:executive |plain language )?summary|synopsis|overview|introduction"
    r"|zusammenfassung|einleitung|r[ée]sum[ée]|sommaire|resumen|resumo|аннотация|введение|реферат"
    r"|要旨|要約|概要|摘要|はじめに|引言|요약|초록|서론|ملخص|الملخص|مقدمة|บทคัดย่อ|บทนำ|सारांश"
)
_RUN_IN: Final = re.compile(
    r"(?:(?i:abstract|summary|zusammenfassung|r[ée]sum[ée]|resumen|resumo|аннотация|реферат)"
    r"\s*[:.\u2013\u2014-]|Abstract(?=\s[A-Z])|Аннотация(?=\s[А-Я])|(?:要旨|要約|概要|摘要|초록|요약)\s*[:：])\s*"
)
"""The same word at the start of its own text, as many journals set it."""
_CONTENTS_LINE: Final = re.compile(r"\S \u2026 ?[\divxlc]+\b")
_CONTENTS_END: Final = re.compile(r"\S \u2026 ?[\divxlc]*\s*$|^\S{1,5} \u2026 ")
"""A leader at the end, with its page number or without: one line of a table of contents. Or after
the page number, where the text runs from right to left."""
_GOES_ON: Final = re.compile(r"[^\W_][,\u060c\u2019\u2013-]?$")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff]")
_WORDS: Final = re.compile(r"\w+")

OPENING_SHARE: Final = 0.25
"""An abstract or introduction that starts later opens a part, not the document."""
FULL_LINE: Final = 60
"""Characters of a line of running text; a heading that was not known as one is shorter."""
MIN_ITEM_WORDS: Final = 6
"""Shorter items of a list are labels; with a stop at their end they are sentences."""


def body_paragraphs(markdown: str) -> tuple[str, ...]:
    """The paragraphs of prose in order, as plain text; empty when the document has none."""
    found = _joined(_prose(markdown))
    return found or _anything(markdown)


def _joined(paragraphs: Sequence[str]) -> tuple[str, ...]:
    """Paragraphs that go on in the next one, made one with it.

    Lines set far apart (typescripts, court papers) come as paragraphs of their own, and a page or
    a figure may cut one in two. Where no stop ends a paragraph, it goes on if the next one starts
    with a small letter, or if it is a line's length of running text. Scripts without
    spaces are left alone.
    """
    runs: list[list[str]] = []
    for text in paragraphs:
        if runs and _goes_on(runs[-1][-1], text):
            runs[-1].append(text)
        else:
            runs.append([text])
    return tuple(" ".join(run) for run in runs)


def _goes_on(text: str, following: str) -> bool:
    if not _GOES_ON.search(text[-3:]) or _UNSPACED.match(text[-1]):
        return False
    if following[:1].islower():
        return True
    return len(text) >= FULL_LINE and following[:1].isalpha() and _is_running(text)


def _is_running(text: str) -> bool:
    """Whether most words are neither names nor numbers, as in a sentence, not in a table."""
    words = text.split()
    return sum(word[0].isalpha() and not word[0].isupper() for word in words) >= len(words) / 2


def _prose(markdown: str) -> tuple[str, ...]:
    paragraphs: list[str] = []
    spare, opened, position = False, False, 0
    for part in _FENCE.sub("", markdown).split("\n\n"):
        position += len(part) + 2
        heading = _HEADING.match(part)
        if heading:
            label = _LABEL.sub("", unescape(heading.group(2)))
            spare = _SPARE.fullmatch(label) is not None
            if not opened and _OPENING.fullmatch(label):
                opened = True
                if position <= OPENING_SHARE * len(markdown):
                    paragraphs.clear()  # names, imprints and notices before the abstract
        elif not (spare or not part.strip() or part.startswith(("|", ">", "!["))):
            early = position - len(part) <= OPENING_SHARE * len(markdown)
            run_in = _RUN_IN.match(part) if early and not opened else None
            if run_in:
                opened = True
                paragraphs.clear()
            told = part[run_in.end() :] if run_in else part
            paragraphs.extend(_paragraphs(told))
    return tuple(paragraphs)


def _paragraphs(part: str) -> list[str]:
    if _ITEM.match(part):
        return _sentence_items(part)
    if "\u2026" in part and (_CONTENTS_END.search(part) or len(_CONTENTS_LINE.findall(part)) > 1):
        return []
    return [unescape(part.strip())]


def _sentence_items(part: str) -> list[str]:
    items = (unescape(_ITEM.sub("", line, count=1)).strip() for line in part.split("\n"))
    return [
        text
        for text in items
        if text.endswith((".", "!", "?", "。", "！", "？", "।", "؟"))
        and (len(_WORDS.findall(text)) >= MIN_ITEM_WORDS or not text.isascii())
    ]


def _anything(markdown: str) -> tuple[str, ...]:
    """For a document without prose: what its headings, items and tables say, line by line."""
    lines: list[str] = []
    for line in markdown.split("\n"):
        if not line.strip() or line.startswith((">", "![", "```")) or set(line) <= set("|-"):
            continue
        heading = _HEADING.match(line)
        text = heading.group(2) if heading else _ITEM.sub("", line, count=1)
        if line.startswith("|"):
            cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", line))
            text = ", ".join(cell.replace("<br>", " ") for cell in cells if cell)
        if text := unescape(text).strip():
            lines.append(text)
    return tuple(lines)
