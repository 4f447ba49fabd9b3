"""Harmless documents under names that mean harm to shells, queries, paths and terminals."""

from __future__ import annotations

from functools import partial

from tests.hostile.case import Draft, Hostile

_NAMES: tuple[tuple[str, str | bytes], ...] = (
    ("a quote", "o'brien.pdf"),
    ("two quotes", 'say "hi".pdf'),
    ("a predicate", "x' OR 'a'='a.pdf"),
    ("a statement", "x'; DROP TABLE files; --.pdf"),
    ("a line end", "line\nend\r.pdf"),
    ("a command to terminals", "\x1b[2Jclear\x07.pdf"),
    ("no letters of any alphabet", b"raw-\xff\xfe\x80.pdf"),
    ("half a letter", b"half-\xc3.pdf"),
    ("a composed letter", "caf\u00e9.pdf"),
    ("its decomposed twin", "cafe\u0301.pdf"),
    ("a dash first", "-rf.pdf"),
    ("an option", "--lake=elsewhere.pdf"),
    ("an encoded climb", "%2e%2e%2fetc%2fpasswd.pdf"),
    ("a lone percent sign", "100%.pdf"),
    ("format fields", "%s%n{0}{batch}.pdf"),
    ("a command", "$(touch pwned);`touch pwned`|&.pdf"),
    ("a pattern", "*?[a-z]{b}.pdf"),
    ("a query", "a?b#c&d=e+f.pdf"),
    ("backslashes", "up\\..\\..\\up.pdf"),
    ("spaces at both ends", " lead and trail .pdf"),
    ("a turn of direction", "\u202egpj.fdp.pdf"),
    ("no width", "zero\u200bwidth\ufeff.pdf"),
    ("the longest name", "n" * 251 + ".pdf"),
    ("the longest of two bytes", "\u00fc" * 125 + ".pdf"),
    ("a folder of a partition", "batch=b00000001/inner.pdf"),
    ("a folder like a file", "folder.pdf/inside.PDF"),
    ("a folder of quotes", "a'b\"c\nd/x.pdf"),
    ("dots", "up..../up...pdf..pdf"),
)


def plain(words: str) -> bytes:
    return Draft(f"a name with {words}").file()


CASES = tuple(
    Hostile(name, partial(plain, words), "a name is data", text=f"a name with {words}")
    for words, name in _NAMES
)
"""Expected before the first run, from DESIGN 8: every odd name goes through as data."""
