"""Pages and page trees: boxes no page has, counts no document has, trees that never end."""

from __future__ import annotations

from tests.hostile.case import Draft, Hostile, said, stream

_INK = b"0 0 0 rg 100 100 400 400 re f 600 100 200 600 re f\n"


def boxed(words: str, box: bytes, more: bytes = b"") -> bytes:
    draft = Draft(words)
    draft.page(box=box, more=more)
    return draft.file()


def negative_box() -> bytes:
    draft = Draft("a box below zero")
    draft.page(box=b"[-700 -900 -88 -108]")
    shift = b"1 0 0 1 -700 -900 cm "
    draft.content(1, shift + said("a box below zero"))
    return draft.file()


def huge_page_of_ink() -> bytes:
    """A square kilometre with a drawing and no text."""
    draft = Draft("a square kilometre", 2)
    draft.page(2, box=b"[0 0 2834645 2834645]")
    draft.content(2, b"0 0 0 rg 0 0 1400000 1400000 re f 100 w 0 0 m 2834645 2834645 l S\n")
    return draft.file()


def no_pages() -> bytes:
    draft = Draft()
    draft.tree(kids=b"", count=b"0")
    return draft.file()


def count_of_billions() -> bytes:
    draft = Draft()
    draft.tree(count=b"2000000000")
    return draft.file()


def count_below_zero() -> bytes:
    draft = Draft("pages below zero")
    draft.tree(count=b"-5")
    return draft.file()


def kids_beyond_reading() -> bytes:
    """A hundred thousand and one pages that are all there."""
    draft = Draft("one of too many")
    page = b"<</Type/Page/Parent 2 0 R>>"
    numbers = [draft.add(page) for _ in range(100_001)]
    draft.tree(b" ".join(b"%d 0 R" % number for number in numbers), b"100001")
    return draft.file()


def kids_of_one(n: int, n_objects: int) -> bytes:
    """One page, named many times, in a file of so many objects."""
    draft = Draft("one page for all")
    for _ in range(n_objects):
        draft.add(b"null")
    draft.tree(kids=b"4 0 R " * n, count=b"%d" % n)
    return draft.file()


def twenty_thousand() -> bytes:
    draft = Draft("one of very many", 20_000)
    return draft.file()


def kids_missing() -> bytes:
    draft = Draft("the pages that are left", 2)
    draft.tree(kids=b"4 0 R 900 0 R 6 0 R 901 0 R", count=b"4")
    return draft.file()


def tree_of_itself() -> bytes:
    draft = Draft()
    draft.tree(kids=b"2 0 R", count=b"1")
    return draft.file()


def tree_too_deep() -> bytes:
    """Two hundred thousand nodes, one below the other, and a page under the last."""
    draft = Draft("the bottom")
    first = draft.next()
    for number in range(first, first + 200_000):
        below = b"%d 0 R" % (number + 1)
        draft.add(b"<</Type/Pages/Parent %d 0 R/Kids[%s]/Count 1>>" % (number - 1, below))
    draft.add(draft.bodies[3])
    draft.tree(kids=b"%d 0 R" % first, count=b"1")
    return draft.file()


def parent_of_itself() -> bytes:
    """What a page does not say is looked up in its parents, which go in a circle."""
    draft = Draft("a circle of parents")
    draft.bodies[3] = b"<</Type/Page/Parent 4 0 R/Contents 5 0 R>>"
    return draft.file()


def box_of_a_loop() -> bytes:
    draft = Draft("a box in a circle")
    number = draft.next()
    draft.add(b"%d 0 R" % (number + 1))
    draft.add(b"%d 0 R" % number)
    draft.page(box=b"%d 0 R" % number)
    return draft.file()


def contents_by_the_thousand() -> bytes:
    """One stream, fifty thousand times, as one page's content."""
    draft = Draft("again")
    draft.page(contents=b"[%s]" % (b"5 0 R " * 50_000))
    draft.content(1, b"q Q\n")
    number = draft.add(stream(said("contents by the thousand")))
    draft.bodies[3] = draft.bodies[3].replace(b"/Contents[", b"/Contents[%d 0 R " % number)
    draft.page(contents=b"[%d 0 R %s]" % (number, b"5 0 R " * 50_000))
    return draft.file()


def notes_by_the_thousand() -> bytes:
    draft = Draft("notes")
    note = b"<</Type/Annot/Subtype/Text/Rect[9 9 29 29]/Contents(note %d)>>"
    numbers = [draft.add(note % n) for n in range(3_000)]
    draft.page(more=b"/Annots[%s]" % b" ".join(b"%d 0 R" % number for number in numbers))
    return draft.file()


def notes_in_a_circle() -> bytes:
    draft = Draft("notes in a circle")
    number = draft.next()
    both = b"<</Type/Annot/Subtype/%s/Rect[9 9 29 29]/Contents(round)"
    both += b"/Popup %d 0 R/Parent %d 0 R/IRT %d 0 R>>"
    draft.add(both % (b"Text", number + 1, number + 1, number + 1))
    draft.add(both % (b"Popup", number, number, number))
    draft.page(more=b"/Annots[%d 0 R %d 0 R]" % (number, number + 1))
    return draft.file()


def labels_in_a_circle() -> bytes:
    draft = Draft("labels in a circle")
    number = draft.next()
    draft.add(b"<</Kids[%d 0 R %d 0 R]/Limits[0 9]>>" % (number, number))
    draft.catalog(b"/PageLabels %d 0 R" % number)
    return draft.file()


def tiny_tiles() -> bytes:
    """A pattern of a million tiles a point."""
    draft = Draft("tiny tiles")
    cell = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]"
    steps = b"/XStep .001/YStep .001/Resources<<>>"
    number = draft.add(stream(b"0 0 .0005 .0005 re f", cell + steps))
    draft.page(resources=b"/Pattern<</P %d 0 R>>" % number)
    draft.content(1, said("tiny tiles") + b"/Pattern cs /P scn 0 0 612 300 re f\n")
    return draft.file()


CASES = (
    Hostile("box-huge-text.pdf", lambda: boxed("a box of a billion", b"[0 0 1e9 1000000000]"),
            "its text needs no rendering", text="a box of a billion"),
    Hostile("box-huge-ink.pdf", huge_page_of_ink, "no resolution shows it within the cap, and that "
            "is known before it is rendered", ("page_too_large",), (2,), 2, "a square kilometre"),
    Hostile("box-negative.pdf", negative_box, "a page may lie anywhere", text="a box below zero"),
    Hostile("box-reversed.pdf", lambda: boxed("corners turned about", b"[612 792 0 0]"),
            "corners in any order are a page", text="corners turned about"),
    Hostile("box-empty.pdf", lambda: boxed("no room at all", b"[0 0 0 0]"),
            "viewers take a page of letter size", text="no room at all"),
    Hostile("box-nan.pdf", lambda: boxed("not a number", b"[0 /NaN 1e999 (x)]"),
            "viewers take a page of letter size; no row holds a number that is none",
            text="not a number"),
    Hostile("box-short.pdf", lambda: boxed("half a box", b"[0 0]"), "the same", text="half a box"),
    Hostile("box-float-limit.pdf", lambda: boxed("the end of floats", b"[-3e38 -3e38 3e38 3e38]"),
            "widths overflow; the row's stay finite", text="the end of floats"),
    Hostile("rotate-odd.pdf", lambda: boxed("an odd turn", b"[0 0 612 792]", b"/Rotate 37"),
            "no quarter turn: taken for the nearest", text="an odd turn"),
    Hostile("rotate-huge.pdf",
            lambda: boxed("many turns", b"[0 0 612 792]", b"/Rotate -2147483640"),
            "a turn that overflows", text="many turns"),
    Hostile("user-unit.pdf", lambda: boxed("a large unit", b"[0 0 612 792]", b"/UserUnit 1e9"),
            "its text needs no rendering", text="a large unit"),
    Hostile("no-pages.pdf", no_pages, "a document without pages", ("empty",), n_pages=None),
    Hostile("count-billions.pdf", count_of_billions, "two billion pages are claimed",
            ("too_large", "corrupt"), n_pages=None),
    Hostile("count-negative.pdf", count_below_zero, "fewer than no pages are claimed",
            ("corrupt", "empty"), n_pages=None),
    Hostile("kids-100001.pdf", kids_beyond_reading, "more pages than are read", ("too_large",),
            n_pages=None),
    Hostile("pages-of-one.pdf", lambda: kids_of_one(60, 100), "one page named sixty times is sixty "
            "pages", n_pages=60, text="one page for all"),
    Hostile("more-pages-than-objects.pdf", lambda: kids_of_one(60, 0), "a tree that names more "
            "pages than the file has objects is damaged", ("corrupt",), n_pages=None),
    Hostile("pages-20000.pdf", twenty_thousand, "20,000 pages are a document", n_pages=20_000,
            text="one of very many", slow=True),
    Hostile("kids-missing.pdf", kids_missing, "pages that are not there fail, the others do not",
            ("unreadable",), (2, 4), 4, "the pages that are left"),
    Hostile("tree-of-itself.pdf", tree_of_itself, "no page can be reached", ("corrupt",),
            n_pages=None),
    Hostile("tree-deep.pdf", tree_too_deep, "a tree that overflows the stack, in triage",
            ("corrupt", "crash", "timeout", "memory"), n_pages=None),
    Hostile("parent-of-itself.pdf", parent_of_itself, "the circle is cut, the page is there",
            text="a circle of parents"),
    Hostile("box-loop.pdf", box_of_a_loop,
            "a box that is nowhere is none", text="a box in a circle"),
    Hostile("contents-50000.pdf", contents_by_the_thousand, "50,000 short contents are a page's",
            text="contents by the thousand"),
    Hostile("notes-3000.pdf", notes_by_the_thousand, "3,000 comments are a page's", text="notes"),
    Hostile("notes-circle.pdf", notes_in_a_circle, "comments that answer each other",
            text="notes in a circle"),
    Hostile("labels-circle.pdf", labels_in_a_circle, "page labels that never end: no label",
            text="labels in a circle"),
    Hostile("tiles-tiny.pdf", tiny_tiles, "a drawing that takes for ever does not cost the text "
            "beside it, which needs no drawing", text="tiny tiles"),
)  # fmt: skip
"""Expected before the first run, from DESIGN 5 and 9."""
