"""Golden cases as data: one JSON object a line, what must be read of a PDF.

Here: the kinds of cases, reading and checking their files, and the hash of a golden set. Not here:
whether a reading keeps a case (`judging.py`), or where the PDFs come from (`golden_set.py`).

Every case has `id` (unique in the folder), `pdf` (the file's name), `kind`, and may have `page`
(from 1; without it, the whole document's markdown or summary), `tolerance` (the greatest error that
still passes; 0 unless given) and `stage` (who answers for it, where that is not the usual stage).
The rest belongs to the kind:

| kind | fields | the error |
|---|---|---|
| `text_present` | `text` | share of characters, or of words, that are wrong where it is best |
| `text_absent` | `text`, `times` it may stand (0) | 1 when it stands more often |
| `order` | `texts`, two or more | share of them that do not stand after the one before |
| `table_cell` | `row`, `column` (their headings), `cell` | share of characters that are wrong |
| `page_text` | `text` or `text_file`, `tolerance` | `cer`; `wer` and others are measured too |
| `image_count` | `count` | difference, as a share of it |
| `summary_facts` | `mention`, `not_mention` | share of facts missing or unwanted |
| `summary_reference` | `text` or `text_file`, `tolerance` | 1 - ROUGE-L |

An entry of `mention` may be a list: one of its wordings is enough. The tolerance of `order` is of
each text, that of `summary_facts` of what it must mention; what must not stand anywhere has none.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from io_managers.schemas import STAGES
from resources.errors import SettingError


@dataclass(frozen=True)
class TextPresent:
    """This text must be read."""

    text: str


@dataclass(frozen=True)
class TextAbsent:
    """This text must not be read more often than so many times."""

    text: str
    times: int = 0


@dataclass(frozen=True)
class Order:
    """These texts must be read one after the other."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class TableCell:
    """The cell under one heading and beside another must say this."""

    row: str
    column: str
    cell: str


@dataclass(frozen=True)
class PageText:
    """The page says this."""

    text: str


@dataclass(frozen=True)
class ImageCount:
    """So many images are shown."""

    count: int


@dataclass(frozen=True)
class SummaryFacts:
    """What a summary must say, each in one of some wordings, and must not say."""

    mention: tuple[tuple[str, ...], ...]
    not_mention: tuple[str, ...]


@dataclass(frozen=True)
class SummaryReference:
    """What a good summary says."""

    text: str


Expectation = (
    TextPresent
    | TextAbsent
    | Order
    | TableCell
    | PageText
    | ImageCount
    | SummaryFacts
    | SummaryReference
)
_COMMON: Final = ("id", "pdf", "kind", "page", "tolerance", "stage")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text_present": ("text",),
    "text_absent": ("text", "times"),
    "order": ("texts",),
    "table_cell": ("row", "column", "cell"),
    "page_text": ("text", "text_file"),
    "image_count": ("count",),
    "summary_facts": ("mention", "not_mention"),
    "summary_reference": ("text", "text_file"),
}
KINDS: Final = tuple(_FIELDS)
_HASHED: Final = (".jsonl", ".pdf", ".txt", ".md")


@dataclass(frozen=True)
class Case:
    """One expectation about one PDF.

    Attributes:
        id: Its name, for ever: results are compared by it.
        pdf: The PDF's file name.
        kind: One of `KINDS`.
        expect: What is expected.
        page: From 1; None for the whole document.
        tolerance: The greatest error that still passes.
        stage: The stage that answers for it; None for the usual one.
    """

    id: str
    pdf: str
    kind: str
    expect: Expectation
    page: int | None = None
    tolerance: float = 0.0
    stage: str | None = None


def load_cases(folder: Path) -> list[Case]:
    """The cases of every `*.jsonl` of a folder, in the order of the files and their lines.

    Args:
        folder: A golden set; files that cases name lie in it. Without cases the list is empty.

    Raises:
        SettingError: A line that is no case, naming file, line, field and the mend.
    """
    cases: dict[str, tuple[Case, str]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in _lines(path):
            case = line.case(folder)
            if case.id in cases:
                raise line.wrong(
                    "id", f"{case.id!r} is the id of {cases[case.id][1]} too", "rename"
                )
            cases[case.id] = (case, line.place)
    return [case for case, _ in cases.values()]


def golden_hash(folder: Path) -> str:
    """sha256 of a golden set: the names and bytes of its PDFs, its cases and the texts they name.

    Runs are compared when they agree in it.
    """
    digest = hashlib.sha256()
    found = (p for p in folder.rglob("*") if p.suffix.lower() in _HASHED and p.is_file())
    for path in sorted(found, key=lambda p: os.fsencode(p.relative_to(folder))):
        name = os.fsencode(path.relative_to(folder))
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        # Lengths first, so that no name can pass for another's content.
        digest.update(len(name).to_bytes(4, "big") + name + content)
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[_Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{path}: it cannot be read as UTF-8 ({error}): save it as UTF-8 text"
        ) from error
    for number, raw in enumerate(text.split("\n"), 1):
        place = f"{path}, line {number}"
        if not raw.strip():
            continue
        try:
            value: Any = json.loads(raw, object_pairs_hook=_without_twins)
        except (ValueError, RecursionError) as error:
            raise SettingError(
                f"{place}: it is not JSON ({error}): write one object a line, "
                '{"id": "…", "pdf": "…", "kind": "…", …}'
            ) from None
        if not isinstance(value, dict):
            raise SettingError(f"{place}: it is no object: write one in braces, on one line")
        yield _Line(place, value)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twin!r} stands twice")
    return found


@dataclass(frozen=True)
class _Line:
    """A line of a file of cases; every error names its place, the field and the mend."""

    place: str
    values: Mapping[str, Any]

    def wrong(self, field: str, what: str, mend: str) -> SettingError:
        return SettingError(f"{self.place}, field {field!r}: {what}: {mend}")

    def case(self, folder: Path) -> Case:
        name = self.text("id")
        if "#" in name or name.lower().endswith(".pdf"):
            raise self.wrong(
                "id", f"{name!r} is kept for pages and documents", "leave out # and .pdf"
            )
        kind = self.choice("kind", KINDS)
        self._known(kind)
        page = self.whole("page", least=1) if self.values.get("page") is not None else None
        if kind == "page_text" and page is None:
            raise self.wrong("page", "it is missing", "say which page, from 1, has this text")
        if kind.startswith("summary") and page is not None:
            raise self.wrong("page", "a summary is of a whole document", "leave it out")
        must = kind in ("page_text", "summary_reference")
        if must and "tolerance" not in self.values:
            mend = "give the greatest error that passes, such as 0.02 for cer, 0.7 for 1 - ROUGE-L"
            raise self.wrong("tolerance", "it is missing", mend)
        stage = self.choice("stage", STAGES) if self.values.get("stage") is not None else None
        return Case(
            id=name,
            pdf=self.text("pdf"),
            kind=kind,
            expect=self._expectation(kind, folder),
            page=page,
            tolerance=self.tolerance(),
            stage=stage,
        )

    def _known(self, kind: str) -> None:
        allowed = (*_COMMON, *_FIELDS[kind])
        for name in self.values:
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.0)[0]
                raise self.wrong(name, f"a case of kind {kind} has none", f"did you mean {near!r}?")

    def _expectation(self, kind: str, folder: Path) -> Expectation:
        if kind == "text_present":
            return TextPresent(self.text("text"))
        if kind == "text_absent":
            return TextAbsent(self.text("text"), self.whole("times", 0))
        if kind == "order":
            return Order(self.texts("texts", least=2))
        if kind == "table_cell":
            return TableCell(self.text("row"), self.text("column"), self.text("cell"))
        if kind == "image_count":
            return ImageCount(self.whole("count"))
        if kind == "summary_facts":
            return self._facts()
        text = self.text_or_file(folder)
        return PageText(text) if kind == "page_text" else SummaryReference(text)

    def _facts(self) -> SummaryFacts:
        wordings = [
            self.strings("mention", entry if isinstance(entry, list) and entry else [entry])
            for entry in self.listed("mention")
        ]
        unwanted = self.strings("not_mention", self.listed("not_mention"))
        if not wordings and not unwanted:
            mend = "list what the summary must say here, or what it must not in 'not_mention'"
            raise self.wrong("mention", "no fact is given", mend)
        return SummaryFacts(tuple(wordings), unwanted)

    def text(self, name: str) -> str:
        if name not in self.values:
            raise self.wrong(name, "it is missing", f'give it, as in "{name}": "…"')
        (value,) = self.strings(name, [self.values[name]])
        return value

    def strings(self, name: str, values: list[Any]) -> tuple[str, ...]:
        for value in values:
            if not isinstance(value, str) or not any(map(str.isalnum, value)):
                mend = "write text with letters or digits, in double quotes"
                raise self.wrong(name, f"{value!r} is no text", mend)
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise self.wrong(name, f"{value!r} is no valid text", "write the letter itself")
        return tuple(values)

    def texts(self, name: str, *, least: int) -> tuple[str, ...]:
        found = self.listed(name)
        if len(found) < least:
            raise self.wrong(name, f"it has {len(found)} entries", f"list at least {least} texts")
        return self.strings(name, found)

    def listed(self, name: str) -> list[Any]:
        value = self.values.get(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, f"{value!r} is no list", 'write ["…", "…"]')
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            raise self.wrong(name, f"{value!r} is not known", f"choose one of {', '.join(choices)}")
        return value

    def whole(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        value = self.values.get(name, default)
        if type(value) is not int or value < least:
            said = "it is missing" if value is None else f"{value!r} does not fit"
            raise self.wrong(name, said, f"write a whole number from {least}")
        return value

    def tolerance(self) -> float:
        value = self.values.get("tolerance", 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self.wrong("tolerance", f"{value!r} does not fit", "write a number from 0 to 1")
        return float(value)

    def text_or_file(self, folder: Path) -> str:
        if ("text" in self.values) == ("text_file" in self.values):
            mend = "give the text in 'text', or the name of a file beside in 'text_file'"
            raise self.wrong("text", "one of 'text' and 'text_file' belongs here", mend)
        if "text" in self.values:
            return self.text("text")
        path = folder / self.text("text_file")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise self.wrong(
                "text_file", f"{path} is outside the folder", "put it beside the cases"
            )
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            mend = "put a UTF-8 text of this name beside the cases"
            raise self.wrong("text_file", f"{path.name} cannot be read ({error})", mend) from error
        if not any(map(str.isalnum, text)):
            raise self.wrong("text_file", f"{path.name} has no text", "write the page's text in it")
        return text
