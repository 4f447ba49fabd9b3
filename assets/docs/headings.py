"""Levels of headings, decided over the whole document.

Here: from font sizes and numbering of all headings to a level each, and the document's title. Not
here: whether a block is a heading at all, which layout decides on its page.

A page alone cannot know the level: 14 of 15 headings of one manual changed theirs when its pages
were parsed one by one. So sizes of all pages are grouped, largest first; within a group the depth
of the numbering ("2.1.3") refines the level.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assets.docs.records import Block, Page, clean

Place = tuple[int, int]

MAX_LEVEL: Final = 6
MAX_CHARS: Final = 300
"""A longer "heading" is a paragraph in large type."""
SAME_SIZE: Final = 0.96
"""Sizes of a text layer above this ratio are one group (rounding, small caps)."""
SAME_SIZE_OCR: Final = 0.85
"""The same for OCR, whose sizes come from the height of a line's box."""

_NUMBERED: Final = re.compile(r"\s*(?:(\d{1,2}(?:\.\d{1,3})*)\.?|([A-Z](?:\.\d{1,3})+)\.?)\s+\S")
_MAX_TITLE: Final = 300
# Names of sections that stand in large type on a first page and are never what a document is about.
_SECTION_NAME: Final = re.compile(
    r"(?i)^(?:abstract|summary|(?:table of )?contents|introduction|preface|foreword|index|overview"
    r"|references|acknowledge?ments|research article|original article|review|zusammenfassung|inhalt"
    r"|inhaltsverzeichnis|r[ée]sum[ée]|sommaire|table des mati[èe]res|resumen|[íi]ndice|contenido"
    r"|оглавление|содержание|аннотация|目次|目录|目錄|摘要|概要|要旨|차례|목차|요약|المحتويات|"
    r"ملخص|תוכן עניינים|สารบัญ|บทคัดย่อ)\W*$"
)
TITLE_TO_BODY: Final = 1.3
"""Text that layout calls a paragraph is the title when it is this much larger than most text, and
larger than every heading of its page (paper titles of common LaTeX classes are 1.4 to 1.7)."""
LARGER: Final = 1.15
"""And this much larger than what layout calls the title, if it does (covers name the series so)."""
MIN_TITLE_LETTERS: Final = 10
SAME_TITLE: Final = 0.85
"""Share of the longer title's letters that the shorter one has, its words in the same order."""
MIN_SAME_WORDS: Final = 5
"""Words of a title that lacks some of the other's: of fewer, each one tells titles apart."""
TITLE_PAGES: Final = 3
BODY_PAGES: Final = 10
MIN_CHAIN: Final = 3
"""Numbered headings that follow on one another from which on numbers decide levels."""
_JUNK_TITLE: Final = re.compile(
    r"(?i)^(?:untitled.*|title|document\d*|slide \d+|powerpoint presentation|.*\.(?:pdf|docx?|tex"
    r"|dvi|indd|qxd|ps|rtf|xlsx?|pptx?|odt|p65|fm|book|wpd|html?))$"
)
_TITLE_WORD: Final = re.compile(r"\w+")
_TITLE_PREFIX: Final = re.compile(r"(?i)^microsoft (?:word|powerpoint|excel) - ")


@dataclass(frozen=True)
class Headings:
    """The level of each heading by place, and the document's title."""

    levels: dict[Place, int]
    title: str | None


def decide_headings(
    pages: Sequence[Page], left_out: set[Place], file_title: str | None
) -> Headings:
    """Levels from 1 to 6 for all title and heading blocks that stay in, and a title."""
    blocks = [
        block
        for page in pages
        if not page.unsupported
        for block in page.blocks
        if is_heading(block) and (block.page, block.index) not in left_out
    ]
    titles = _title_blocks(blocks)
    named = _named_title(pages, left_out, file_title) or _large_text(
        pages, blocks, titles, left_out
    )
    shown = named or titles or _likely_title(blocks)
    places = {(block.page, block.index) for block in shown}
    others = [block for block in blocks if (block.page, block.index) not in places]
    top = 2 if shown else 1
    levels = _levels(others, top=top, cover=_cover_pages(len(pages)))
    _level_by_number(others, levels)
    order = {level: top + n for n, level in enumerate(sorted(set(levels.values())))}
    levels = {place: order[level] for place, level in levels.items()}
    levels.update(dict.fromkeys(places, 1))
    return Headings(levels, _title(named or titles, shown, file_title))


def is_heading(block: Block) -> bool:
    """Whether a block can be written as a heading."""
    return block.kind in ("title", "heading") and 0 < len(block.text.strip()) <= MAX_CHARS


def _title_blocks(blocks: Sequence[Block]) -> list[Block]:
    """The title blocks of the first page that has any, if that is one of the first three."""
    first = next((b.page for b in blocks if b.kind == "title"), None)
    if first is None or first > TITLE_PAGES:
        return []
    return [b for b in blocks if b.kind == "title" and b.page == first]


def _named_title(
    pages: Sequence[Page], left_out: set[Place], file_title: str | None
) -> list[Block]:
    """The first block of the first pages that says what the metadata say.

    Letter by letter, but for a few words that one of the two has more: "(HPC)", a subtitle's "and".
    """
    title = _TITLE_PREFIX.sub("", clean(file_title))
    if len(_letters(title)) < MIN_TITLE_LETTERS:
        return []
    for page in pages[:TITLE_PAGES]:
        for block in () if page.unsupported else page.blocks:
            if (
                block.kind in ("title", "heading", "text")
                and len(block.text) <= MAX_CHARS
                and (block.page, block.index) not in left_out
                and _says(block.text, title)
            ):
                return [block]
    return []


def _says(text: str, title: str) -> bool:
    """Whether a text is a title, or one of them is the other with a few words more."""
    own, wanted = _letters(text), _letters(title)
    if own == wanted:
        return True
    if min(len(own), len(wanted)) < SAME_TITLE * max(len(own), len(wanted)):
        return False
    shorter, longer = sorted((_TITLE_WORD.findall(text), _TITLE_WORD.findall(title)), key=len)
    rest = iter([word.casefold() for word in longer])
    return len(shorter) >= MIN_SAME_WORDS and all(word.casefold() in rest for word in shorter)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _large_text(
    pages: Sequence[Page],
    headings: Sequence[Block],
    titles: Sequence[Block],
    left_out: set[Place],
) -> list[Block]:
    """The paragraph of the first page that is its title by its size, or none."""
    if not pages or pages[0].unsupported:
        return []
    first = pages[0]
    texts = [
        block
        for block in first.blocks
        if block.kind == "text"
        and block.font_size
        and len(block.text) <= _MAX_TITLE
        and sum(c.isalpha() for c in block.text) >= MIN_TITLE_LETTERS
        and (block.page, block.index) not in left_out
        and block.y0 < first.height / 2
    ]
    if not texts:
        return []
    largest = max(texts, key=_size)
    others = [_size(b) for b in headings if b.page == 1 and b not in titles]
    least = max([body_size(pages) * TITLE_TO_BODY, *others])
    if titles and titles[0].page == 1:
        least = max([least, *(_size(b) * LARGER for b in titles)])
    alone = sum(_size(b) >= _size(largest) * SAME_SIZE for b in texts) == 1
    return [largest] if alone and _size(largest) > least else []


def body_size(pages: Sequence[Page]) -> float:
    """The size that most characters of the first pages are set in."""
    counts: dict[float, int] = {}
    for page in pages[:BODY_PAGES]:
        for block in page.blocks:
            if block.kind == "text" and block.font_size:
                counts[_size(block)] = counts.get(_size(block), 0) + len(block.text)
    return max(counts, key=counts.__getitem__) if counts else 0.0


def _likely_title(blocks: Sequence[Block]) -> list[Block]:
    """The heading that is the title though layout does not say so, or none.

    The largest of the first two pages if nothing there is as large; else, when the first page
    starts with a heading, that one.
    """
    early = [b for b in blocks if b.page <= 2 and not _SECTION_NAME.match(b.text.strip())]
    if not early:
        return []
    largest = max(_size(block) for block in early)
    candidates = [block for block in early if _size(block) >= largest * SAME_SIZE]
    if len(candidates) > 1:
        candidates = [block for block in early[:1] if block.page == 1 and block.index < 3]
    return [block for block in candidates if not _depth(block.text)]


def _cover_pages(n_pages: int) -> int:
    """How many pages at the start may be set in type of their own."""
    return min(3, 1 + n_pages // 15)


def _levels(blocks: Sequence[Block], top: int, cover: int) -> dict[Place, int]:
    groups = _size_groups(blocks)
    used = {groups[_size(block)] for block in blocks}
    # Type that only the cover uses makes no level of its own: everything else would sink.
    later = {groups[_size(block)] for block in blocks if block.page > cover} or used
    depths = _depths(blocks, groups)
    ranks = sorted({(groups[_size(b)], depth) for b, depth in depths if groups[_size(b)] in later})
    order = {rank: position for position, rank in enumerate(ranks)}
    levels = {}
    for block, depth in depths:
        position = order.get((groups[_size(block)], depth), 0)
        levels[(block.page, block.index)] = min(top + position, MAX_LEVEL)
    return levels


def _size(block: Block) -> float:
    return round(block.font_size or 0.0, 1)


def _size_groups(blocks: Sequence[Block]) -> dict[float, int]:
    """The group of each font size, 0 for the largest."""
    by_ocr = sum(block.source == "ocr" for block in blocks) * 2 > len(blocks)
    ratio = SAME_SIZE_OCR if by_ocr else SAME_SIZE
    groups: dict[float, int] = {}
    largest, number = 0.0, -1
    for size in sorted({_size(block) for block in blocks}, reverse=True):
        if number < 0 or size < largest * ratio:
            largest, number = size, number + 1
        groups[size] = number
    return groups


def _depths(blocks: Sequence[Block], groups: dict[float, int]) -> list[tuple[Block, int]]:
    """Each heading with the depth of its numbering; without a number, the least of its group."""
    numbered = [(block, _depth(block.text)) for block in blocks]
    least: dict[int, int] = {}
    for block, depth in numbered:
        if depth:
            group = groups[_size(block)]
            least[group] = min(depth, least.get(group, depth))
    return [(block, depth or least.get(groups[_size(block)], 0)) for block, depth in numbered]


def _depth(text: str) -> int:
    found = _NUMBERED.match(text)
    if found is None:
        return 0
    return (found.group(1) or found.group(2)).count(".") + 1


def _level_by_number(blocks: Sequence[Block], levels: dict[Place, int]) -> None:
    """Give headings whose numbers follow on one another the level that most of their depth have.

    1, 1.1, 1.2, 2: small capitals or a long title may give one of them a size of its own.
    """
    chain = _chain(blocks)
    if len(chain) < MIN_CHAIN:
        return
    counts: dict[int, Counter[int]] = {}
    for block, depth in chain:
        counts.setdefault(depth, Counter())[levels[(block.page, block.index)]] += 1
    level = 0
    usual: dict[int, int] = {}
    for depth in sorted(counts):
        level = max(counts[depth].most_common(1)[0][0], level + 1)
        usual[depth] = min(level, MAX_LEVEL)
    for block, depth in chain:
        levels[(block.page, block.index)] = usual[depth]


def _chain(blocks: Sequence[Block]) -> list[tuple[Block, int]]:
    """The headings, with their depths, each of whose numbers is next after the one before."""
    chain: list[tuple[Block, int]] = []
    last: tuple[int, ...] = (0,)
    for block in blocks:
        found = _NUMBERED.match(block.text)
        if found is None or found.group(1) is None:
            continue
        number = tuple(int(part) for part in found.group(1).split("."))
        if _follows(last, number):
            chain.append((block, len(number)))
            last = number
    return chain


def _follows(last: tuple[int, ...], number: tuple[int, ...]) -> bool:
    if number == (*last, 1):
        return True
    kept = len(number) - 1
    return kept < len(last) and number[:kept] == last[:kept] and number[kept] == last[kept] + 1


def _title(titles: Sequence[Block], shown: Sequence[Block], file_title: str | None) -> str | None:
    """From the title block, else the metadata, else the heading that looks like the title."""
    metadata = " ".join(_TITLE_PREFIX.sub("", clean(file_title).strip()).split())
    if not titles and len(metadata) > 2 and not _JUNK_TITLE.match(metadata):
        return metadata[:_MAX_TITLE]
    text = " ".join(" ".join(block.text.split()) for block in shown)
    return text[:_MAX_TITLE].strip() or None
