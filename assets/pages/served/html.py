"""What a model wrote as HTML, taken apart: paragraphs, headings, items, tables, code, formulas.

Here: a real parser over a text that nobody vouches for. Only words and a few inline styles come
out; no tag, attribute, link or image of the model's reaches a table of the lake, and what markdown
is made of them, `../markdown.py` writes and escapes. Not here: kinds and boxes (`blocks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, Literal

from assets.pages.records import Span

Role = Literal["text", "heading", "item", "table", "pre", "formula"]
Spans = tuple[Span, ...]

MAX_SPAN: Final = 64
"""Columns or rows that a cell may say it takes."""
MAX_CELLS: Final = 20_000
"""Of a table; a page has no room for more."""
_BOLD: Final = frozenset({"b", "strong"})
_ITALIC: Final = frozenset({"i", "em"})
_MATH: Final = frozenset({"math", "chem"})
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN: Final = frozenset({"script", "style", "head", "title", "template", "noscript"})
_BREAKS: Final = frozenset({"p", "div", "ul", "ol", "caption", "hr", "pre", *_HEADINGS})
_VOID: Final = frozenset({"br", "hr", "img", "input", "meta", "link", "wbr", "col"})


@dataclass
class Piece:
    """A part of a block.

    Attributes:
        role: what the HTML says it is.
        lines: its text, a line each; of a table, none.
        rows: cells of a table, all rows equally wide.
        number: of an item in a numbered list.
    """

    role: Role
    lines: list[Spans] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    number: int | None = None

    @property
    def n_chars(self) -> int:
        """Characters in it."""
        cells = sum(len(cell) for row in self.rows for cell in row)
        return cells + sum(len(span.text) for line in self.lines for span in line)


def pieces_of(html: str) -> list[Piece]:
    """The parts of a block in the order of its HTML; those that say nothing are left out."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    parser.end_piece()
    return [piece for piece in parser.pieces if piece.n_chars]


class _Parser(HTMLParser):
    """Collects pieces. Tags may be missing or crossed: each only changes what follows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[Piece] = []
        self._role: Role = "text"
        self._lines: list[list[Span]] = [[]]
        self._open: dict[str, int] = {}
        self._lists: list[int | None] = []
        self._number: int | None = None
        self._table: _Table | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open[tag] = self._open.get(tag, 0) + 1
        if tag == "br":
            self._new_line()
        elif tag == "input":
            self._tick(dict(attrs))
        elif tag == "table":
            self._start_table()
        elif self._table is not None:
            self._in_table(self._table, tag, dict(attrs))
        elif tag == "li":
            self._start_item()
        elif tag in _BREAKS:
            self._start_block(tag)
        elif tag in _MATH:
            self._start_math(dict(attrs))

    def _start_table(self) -> None:
        if self._table is None:
            self.end_piece()
            self._table = _Table()
        self._depth += 1

    def _start_item(self) -> None:
        self.end_piece()
        self._role = "item"
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            self._number = self._lists[-1]

    def _start_block(self, tag: str) -> None:
        if self._role == "item" and tag in ("p", "div"):
            self._new_line()  # a paragraph of the item
            return
        self.end_piece()
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag in _HEADINGS:
            self._role = "heading"
        elif tag == "pre":
            self._role = "pre"

    def _start_math(self, attrs: dict[str, str | None]) -> None:
        alone = attrs.get("display") == "block" and not any(self._lines) and self._role == "text"
        if alone:
            self.end_piece()
            self._role = "formula"

    def handle_endtag(self, tag: str) -> None:
        if self._open.get(tag):
            self._open[tag] -= 1
        if tag == "table":
            self._depth = max(0, self._depth - 1)
            if self._depth == 0:
                self._end_table()
        elif self._table is not None:
            if tag in ("td", "th"):
                self._table.end_cell()
        elif tag in ("ul", "ol"):
            self.end_piece()
            del self._lists[-1:]
        elif tag == "li" or tag in {"item": (), "formula": _MATH}.get(self._role, _BREAKS):
            self.end_piece()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if any(self._open.get(tag) for tag in _UNSEEN):
            return
        if self._table is not None:
            self._table.add(" ".join(data.split()) if data.strip() else " ")
        elif self._role == "pre":
            first, *others = data.split("\n")
            self._lines[-1].append(Span(first))
            self._lines += [[Span(line)] for line in others]
        elif data.strip():
            self._add_words(data)
        elif self._lines[-1]:
            self._lines[-1].append(Span(" "))

    def _add_words(self, data: str) -> None:
        text = " ".join(data.split())
        text = f"{' ' if data[0].isspace() else ''}{text}{' ' if data[-1].isspace() else ''}"
        if self._role == "formula":
            self._lines[-1].append(Span(text))
        elif self._is_in(_MATH):
            # `$` and code: how GitHub writes a formula, and no sign of it is lost to escaping.
            self._lines[-1] += [Span("$"), Span(text.strip(), mono=True), Span("$")]
        else:
            self._lines[-1].append(
                Span(
                    text,
                    bold=self._is_in(_BOLD) and self._role != "heading",
                    italic=self._is_in(_ITALIC),
                    mono=bool(self._open.get("code")),
                    raised=bool(self._open.get("sup")),
                )
            )

    def _is_in(self, tags: frozenset[str]) -> bool:
        return any(self._open.get(tag) for tag in tags)

    def _new_line(self) -> None:
        if self._table is not None:
            self._table.add("\n")
        elif self._lines[-1]:
            self._lines.append([])

    def _tick(self, attrs: dict[str, str | None]) -> None:
        if attrs.get("type") in ("checkbox", "radio"):
            sign = "\N{BALLOT BOX WITH CHECK}" if "checked" in attrs else "\N{BALLOT BOX}"
            if self._table is not None:
                self._table.add(sign)
            else:
                self._lines[-1].append(Span(f"{sign} "))

    def _in_table(self, table: _Table, tag: str, attrs: dict[str, str | None]) -> None:
        if self._depth > 1:
            table.add(" ")  # a table in a cell is words
        elif tag == "tr":
            table.start_row()
        elif tag in ("td", "th"):
            table.start_cell(_count(attrs.get("colspan")), _count(attrs.get("rowspan")))
        elif tag in _BREAKS or tag == "li":
            table.add("\n")

    def _end_table(self) -> None:
        if self._table is not None:
            self.pieces.append(Piece("table", rows=self._table.rows()))
            self._table = None

    def end_piece(self) -> None:
        """End the piece that is open, a table too if the text ends in it."""
        self._end_table()
        lines = [tuple(line) for line in self._lines if any(s.text.strip() for s in line)]
        if self._role == "pre":
            lines = [tuple(line) for line in self._lines]
        if lines:
            self.pieces.append(Piece(self._role, lines, number=self._number))
        self._lines, self._role, self._number = [[]], "text", None


class _Table:
    """Rows of cells; a cell over several columns or rows leaves the others of them empty."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], str] = {}
        self._taken: set[tuple[int, int]] = set()
        self._row = -1
        self._column = 0
        self._at: tuple[int, int] | None = None

    def start_row(self) -> None:
        self._row += 1
        self._column = 0
        self._at = None

    def start_cell(self, n_columns: int, n_rows: int) -> None:
        self._row = max(self._row, 0)
        if len(self._taken) + n_columns * n_rows > MAX_CELLS:
            return  # what follows goes on in the last cell
        column = self._column
        while (self._row, column) in self._taken:
            column += 1
        self._column = column + n_columns
        self._taken |= {
            (self._row + down, column + across)
            for down in range(n_rows)
            for across in range(n_columns)
        }
        self._at = (self._row, column)
        self._cells[self._at] = ""

    def end_cell(self) -> None:
        self._at = None

    def add(self, text: str) -> None:
        if self._at is None and text.strip():
            self.start_cell(1, 1)
        if self._at is not None:
            self._cells[self._at] += text

    def rows(self) -> list[list[str]]:
        if not self._cells:
            return []
        width = 1 + max(column for _, column in self._taken)
        found = []
        for row in range(1 + max(row for row, _ in self._cells)):
            cells = [self._cells.get((row, column), "") for column in range(width)]
            found.append(["\n".join(_lines(cell)) for cell in cells])
        return found


def _lines(cell: str) -> list[str]:
    return [line for line in (" ".join(x.split()) for x in cell.split("\n")) if line]


def _count(value: str | None) -> int:
    try:
        return min(MAX_SPAN, max(1, int(value or 1)))
    except ValueError:
        return 1
