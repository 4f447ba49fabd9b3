"""What a case of the hostile set is, and the drafts that cases are written with.

Here: the record, and PDFs put together object by object. Not here: any case (the modules named
after what is attacked), or how the set is ingested (`test_hostile_set.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resources.samples.handwritten import pdf_of

DONE = "done"
QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Hostile:
    """A file that means harm, and what has to become of it.

    Attributes:
        name: its file name below the landing zone; bytes where it is no UTF-8.
        make: its bytes.
        why: what it attacks, and why this outcome is the one that DESIGN asks for.
        classes: error classes of its failures: none of any other, at least one of these. Several
            where the machine decides which comes first (a bomb meets a clock or the memory limit).
        failed: pages whose row is `failed`; every other page is there and is not.
        n_pages: pages that the document has; None where it cannot be opened.
        text: words that its text must hold although it is hostile.
        absent: words that no row of it may hold: they lie outside the document.
        slow: left to `make test-slow`.
        may_pass: a fast machine with much memory may get through it, and then it is done.
    """

    name: str | bytes
    make: Callable[[], bytes]
    why: str
    classes: tuple[str, ...] = ()
    failed: tuple[int, ...] = ()
    n_pages: int | None = 1
    text: str = ""
    absent: str = ""
    slow: bool = False
    may_pass: bool = False

    @property
    def state(self) -> str:
        """What fails for good, or in every run, is in quarantine; everything else is done."""
        return QUARANTINED if self.classes else DONE


class Draft:
    """A PDF of plain pages, of which a case rewrites what it needs.

    Object 1 is the catalog, 2 the page tree, 3 the font; then a page and its content, in turn.
    """

    def __init__(self, words: str = "plain", n_pages: int = 1) -> None:
        self.bodies: list[bytes] = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
        self.n_pages = n_pages
        self.trailer = b""
        self.words = words
        for number in range(1, n_pages + 1):
            self.bodies += [b"", b""]
            self.content(number, said(words, number))
            self.page(number)
        self.catalog()
        self.tree()

    def catalog(self, more: bytes = b"") -> None:
        self.bodies[0] = b"<</Type/Catalog/Pages 2 0 R %s>>" % more

    def tree(self, kids: bytes | None = None, count: bytes | None = None) -> None:
        own = b" ".join(b"%d 0 R" % self.page_object(n) for n in range(1, self.n_pages + 1))
        count = b"%d" % self.n_pages if count is None else count
        kids = own if kids is None else kids
        self.bodies[1] = b"<</Type/Pages/Kids[%s]/Count %s>>" % (kids, count)

    def page_object(self, number: int) -> int:
        return 2 * number + 2

    def page(
        self,
        number: int = 1,
        *,
        box: bytes = b"[0 0 612 792]",
        resources: bytes = b"",
        more: bytes = b"",
        contents: bytes | None = None,
        parent: bytes = b"2 0 R",
    ) -> None:
        """Write a page anew."""
        contents = b"%d 0 R" % (2 * number + 3) if contents is None else contents
        self.bodies[2 * number + 1] = (
            b"<</Type/Page/Parent %s/MediaBox %s/Contents %s"
            b"/Resources<</Font<</F1 3 0 R>>%s>>%s>>" % (parent, box, contents, resources, more)
        )

    def content(self, number: int, data: bytes, dictionary: bytes = b"") -> None:
        """Write a page's content anew."""
        self.bodies[2 * number + 2] = stream(data, dictionary)

    def add(self, body: bytes) -> int:
        """A further object; returns its number."""
        self.bodies.append(body)
        return len(self.bodies)

    def next(self) -> int:
        """The number that the next object gets."""
        return len(self.bodies) + 1

    def file(self) -> bytes:
        made = pdf_of(self.bodies)
        return made.replace(b"/Root 1 0 R>>", b"/Root 1 0 R %s>>" % self.trailer)


def stream(data: bytes, dictionary: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (dictionary, len(data), data)


def said(words: str, number: int = 1) -> bytes:
    """The content of a page that says something."""
    lines = (f"Page {number} is about {words} and little else.", "It says so in clear words.")
    shown = b" ".join(b"(%s) Tj T*" % line.encode("ascii") for line in lines)
    return b"BT /F1 12 Tf 14 TL 72 700 Td %s ET\n" % shown
