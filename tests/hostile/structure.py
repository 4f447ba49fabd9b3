"""Files that are no PDF, half a PDF, or a PDF that goes in circles."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from resources.samples import broken
from tests.hostile.case import Draft, Hostile, said, stream


def png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 72)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.pdf", Draft("a zipped file").file())
    return out.getvalue()


def junk_before(n_bytes: int) -> bytes:
    return b"From: a mail program\r\n".ljust(n_bytes, b"-") + Draft("what came after junk").file()


def _upright(words: str) -> bytes:
    """Catalog and page tree first, as an optimised file has them."""
    return Draft(words, 4).file()


def _cut_at(words: str, mark: bytes) -> bytes:
    made = _upright(words)
    return made[: made.index(mark)]


def _backwards(share: float) -> bytes:
    """The catalog last, as most producers write it; cut there."""
    draft = Draft("a catalog at the end", 30)
    head = b"%PDF-1.7\n"
    order = [*range(len(draft.bodies), 0, -1)]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, draft.bodies[n - 1]) for n in order)
    whole = head + body + b"trailer <</Size %d/Root 1 0 R>>\n%%%%EOF\n" % (len(draft.bodies) + 1)
    return whole[: int(len(whole) * share)]


def xref_wrong() -> bytes:
    made = Draft("offsets that lie").file()
    table = made.index(b"xref\n")
    return made[:table] + made[table:].replace(b" 00000 n", b"7 00000 n").replace(
        b"\n0000", b"\n990"
    )


def xref_loop() -> bytes:
    draft = Draft("a table before itself")
    made = draft.file()
    start = made.rindex(b"xref\n0 ")
    return made.replace(b"/Root 1 0 R", b"/Prev %d /XRefStm %d /Root 1 0 R" % (start, start))


def xref_nowhere(place: bytes) -> bytes:
    made = Draft("a start that is nowhere").file()
    at = made.rindex(b"startxref\n")
    return made[:at] + b"startxref\n%s\n%%%%EOF\n" % place


def xref_of_millions() -> bytes:
    made = Draft("objects by the billion").file()
    return made.replace(b"xref\n0 6\n", b"xref\n0 2000000000\n").replace(
        b"/Size 6", b"/Size 2000000000"
    )


def length_of_itself() -> bytes:
    draft = Draft("lengths")
    data = said("a length that asks itself")
    draft.bodies[4] = b"<</Length 5 0 R>>\nstream\n%s\nendstream" % data
    return draft.file()


def length_that_lies() -> bytes:
    draft = Draft("lengths")
    data = said("a length of terabytes")
    draft.bodies[4] = b"<</Length 9999999999999>>\nstream\n%s\nendstream" % data
    return draft.file()


def object_of_itself() -> bytes:
    draft = Draft("an object of itself")
    number = draft.next()
    draft.add(b"%d 0 R" % number)
    draft.catalog(b"/Names %d 0 R/Outlines %d 0 R/AcroForm %d 0 R" % (number, number, number))
    return draft.file()


def brackets_in_catalog() -> bytes:
    draft = Draft("brackets")
    draft.catalog(b"/Deep " + b"[" * 100_000 + b"]" * 100_000)
    return draft.file()


def brackets_in_page() -> bytes:
    draft = Draft("pages without brackets", 3)
    draft.page(2, more=b"/Deep " + b"[" * 100_000 + b"]" * 100_000)
    return draft.file()


def dictionaries_in_content() -> bytes:
    draft = Draft("brackets")
    deep = b"/Span " + b"<</A " * 100_000 + b"1" + b">>" * 100_000 + b" BDC EMC\n"
    draft.content(1, said("brackets in a content") + deep)
    return draft.file()


def long_title() -> bytes:
    draft = Draft("a long title")
    number = draft.add(b"<</Title(%s)>>" % (b"long " * 1_600_000))
    draft.trailer = b"/Info %d 0 R" % number
    return draft.file()


def long_name() -> bytes:
    draft = Draft("a long name")
    draft.catalog(b"/%s 1" % (b"N" * 2_000_000))
    return draft.file()


def circular_outlines() -> bytes:
    draft = Draft("chapters in a circle")
    number = draft.next()
    item = b"<</Title(round)/Parent %d 0 R/First %d 0 R/Last %d 0 R/Next %d 0 R/Dest[4 0 R/Fit]>>"
    draft.add(item % (number, number, number, number))
    draft.catalog(b"/Outlines %d 0 R" % number)
    return draft.file()


def circular_fields() -> bytes:
    draft = Draft("fields in a circle")
    number = draft.next()
    draft.add(b"<</T(a)/FT/Tx/Kids[%d 0 R %d 0 R]/Parent %d 0 R>>" % ((number,) * 3))
    draft.catalog(b"/AcroForm<</Fields[%d 0 R]>>" % number)
    draft.page(more=b"/Annots[%d 0 R]" % number)
    return draft.file()


def circular_structure() -> bytes:
    draft = Draft("a tree in a circle")
    number = draft.next()
    draft.add(b"<</Type/StructTreeRoot/K[%d 0 R]/P %d 0 R/S/Document>>" % (number, number))
    draft.catalog(b"/StructTreeRoot %d 0 R/MarkInfo<</Marked true>>" % number)
    draft.page(more=b"/StructParents 0")
    return draft.file()


def circular_names() -> bytes:
    draft = Draft("names in a circle")
    number = draft.next()
    draft.add(b"<</Kids[%d 0 R %d 0 R]>>" % (number, number))
    draft.catalog(b"/Names<</EmbeddedFiles %d 0 R/Dests %d 0 R>>" % (number, number))
    return draft.file()


def deep_names() -> bytes:
    """Attachments behind two hundred thousand nodes, one below the other."""
    draft = Draft("a deep tree")
    first = draft.next()
    for number in range(first, first + 200_000):
        draft.add(b"<</Kids[%d 0 R]>>" % (number + 1))
    draft.add(b"<</Names[]>>")
    draft.catalog(b"/Names<</EmbeddedFiles %d 0 R>>" % first)
    return draft.file()


def circular_font() -> bytes:
    """A font whose letters are written in that font."""
    draft = Draft()
    number = draft.next()
    draft.add(
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 97"
        b"/LastChar 97/Widths[9]/Encoding<</Differences[97/a]>>/CharProcs<</a %d 0 R>>"
        b"/Resources<</Font<</F2 %d 0 R>>>>>>" % (number + 1, number)
    )
    draft.add(stream(b"9 0 d0 BT /F2 9 Tf (aaa) Tj ET"))
    draft.bodies[3] = draft.bodies[3].replace(b"/F1 3 0 R", b"/F1 3 0 R/F2 %d 0 R" % number)
    draft.content(1, said("a font of itself") + b"BT /F2 12 Tf 72 500 Td (a) Tj ET\n")
    return draft.file()


def circular_descendants() -> bytes:
    draft = Draft()
    number = draft.next()
    draft.add(
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[%d 0 R]>>"
        % number
    )
    draft.bodies[3] = draft.bodies[3].replace(b"/F1 3 0 R", b"/F1 3 0 R/F2 %d 0 R" % number)
    draft.content(1, said("a font that descends from itself") + b"BT /F2 9 Tf (aa) Tj ET\n")
    return draft.file()


def circular_masks() -> bytes:
    """A picture that is its own mask, a state that masks with the form that sets it."""
    draft = Draft()
    image = draft.next()
    size = b"/Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace/DeviceGray"
    draft.add(stream(b"\0\x80\xf0\xff", size + b"/SMask %d 0 R" % image))
    form = draft.next()
    group = b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Group<</S/Transparency/CS/DeviceGray>>"
    state = b"/ExtGState<</G %d 0 R>>" % (form + 1)
    draft.add(stream(b"/G gs 0 0 99 99 re f", group + b"/Resources<<%s>>" % state))
    draft.add(b"<</SMask<</S/Luminosity/G %d 0 R>>>>" % form)
    draft.page(resources=state + b"/XObject<</I %d 0 R>>" % image)
    tail = b"/G gs 9 9 50 50 re f q 40 0 0 40 300 300 cm /I Do Q\n"
    draft.content(1, said("masks in a circle") + tail)
    return draft.file()


def circular_colours() -> bytes:
    draft = Draft()
    space = draft.next()
    draft.add(b"[/Indexed %d 0 R 1 <0001>]" % space)
    function = draft.next()
    draft.add(
        b"<</FunctionType 3/Domain[0 1]/Functions[%d 0 R %d 0 R]/Bounds[.5]/Encode[0 1 0 1]>>"
        % (function, function)
    )
    shading = b"<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 99 99]/Function %d 0 R>>"
    more = b"/ColorSpace<</C %d 0 R>>/Shading<</S %s>>" % (space, shading % function)
    draft.page(resources=more)
    draft.content(1, said("colours in a circle") + b"/C cs 1 scn 9 9 50 50 re f /S sh\n")
    return draft.file()


CASES = (
    Hostile("zero-bytes.pdf", broken.empty, "no bytes", ("empty",), n_pages=None),
    Hostile("web-page.pdf", broken.not_a_pdf, "HTML named .pdf", ("not_pdf",), n_pages=None),
    Hostile("picture.pdf", png, "a PNG named .pdf", ("not_pdf",), n_pages=None),
    Hostile("archive.pdf", zipped, "a ZIP named .pdf", ("not_pdf",), n_pages=None),
    Hostile("letter.pdf", lambda: b"Dear reader,\nthis is text.\n" * 50, "text named .pdf",
            ("not_pdf",), n_pages=None),
    Hostile("nulls.pdf", lambda: bytes(100_000), "nulls, as a sparse copy leaves them",
            ("not_pdf",), n_pages=None),
    Hostile("header-only.pdf", lambda: b"%PDF-1.7\n", "a header and nothing else", ("corrupt",),
            n_pages=None),
    Hostile("junk-1k.pdf", lambda: junk_before(1000),
            "readers look for the header in the first KiB",
            text="what came after junk"),
    Hostile("junk-1m.pdf", lambda: junk_before(2**20),
            "and no further", ("not_pdf",), n_pages=None),
    Hostile("cut-in-header.pdf", lambda: b"%PD", "three bytes", ("not_pdf",), n_pages=None),
    Hostile("cut-in-catalog.pdf", lambda: _cut_at("a cut", b"/Catalog"), "no catalog, no pages",
            ("corrupt",), n_pages=None),
    Hostile("cut-10.pdf", lambda: _backwards(0.1), "the page tree is lost", ("corrupt",),
            n_pages=None),
    Hostile("cut-50.pdf", lambda: _backwards(0.5), "the page tree is lost", ("corrupt",),
            n_pages=None),
    Hostile("cut-90.pdf", lambda: _backwards(0.9), "the page tree is lost", ("corrupt",),
            n_pages=None),
    Hostile("cut-in-pages.pdf", lambda: _cut_at("what was saved", b"8 0 obj"),
            "the tree names four "
            "pages, of which two are left", ("unreadable",), (3, 4), 4, "what was saved"),
    Hostile("cut-in-table.pdf", lambda: _cut_at("all but the table", b"xref\n0 "),
            "every object is "
            "there: mended", n_pages=4, text="all but the table"),
    Hostile("cut-before-eof.pdf", lambda: _cut_at("all but the end", b"%%EOF"), "nothing is lost",
            n_pages=4, text="all but the end"),
    Hostile("xref-wrong.pdf", xref_wrong, "offsets that lie are mended", text="offsets that lie"),
    Hostile("xref-loop.pdf", xref_loop, "a table that comes before itself is mended",
            text="a table before itself"),
    Hostile("xref-far.pdf", lambda: xref_nowhere(b"999999999999"), "no table there: mended",
            text="a start that is nowhere"),
    Hostile("xref-negative.pdf", lambda: xref_nowhere(b"-17"), "no table there: mended",
            text="a start that is nowhere"),
    Hostile("xref-billions.pdf", xref_of_millions, "a table of two billion objects: mended, or the "
            "file is given up", text="objects by the billion"),
    Hostile("length-of-itself.pdf", length_of_itself, "viewers look for the end of the stream",
            text="a length that asks itself"),
    Hostile("length-lies.pdf", length_that_lies, "the same", text="a length of terabytes"),
    Hostile("object-of-itself.pdf", object_of_itself, "a reference to itself is null",
            text="an object of itself"),
    Hostile("brackets-catalog.pdf", brackets_in_catalog, "100,000 brackets where the document "
            "begins", ("corrupt", "crash"), n_pages=None),
    Hostile("brackets-page.pdf", brackets_in_page, "100,000 brackets cost their page",
            ("unreadable", "crash"), (2,), 3, "pages without brackets"),
    Hostile("brackets-content.pdf", dictionaries_in_content, "100,000 brackets after a page's text",
            ("unreadable", "crash"), (1,), 1),
    Hostile("title-8m.pdf", long_title, "a title of 8 MB is cut", text="a long title"),
    Hostile("name-2m.pdf", long_name, "a name of 2 MB is nobody's", text="a long name"),
    Hostile("circular-outlines.pdf", circular_outlines, "nobody follows them",
            text="chapters in a circle"),
    Hostile("circular-fields.pdf", circular_fields, "fields are counted once",
            text="fields in a circle"),
    Hostile("circular-structure.pdf", circular_structure, "nobody follows it",
            text="a tree in a circle"),
    Hostile("circular-names.pdf", circular_names, "counting attachments ends",
            text="names in a circle"),
    Hostile("names-deep.pdf", deep_names, "200,000 nodes to walk down to no attachment",
            text="a deep tree"),
    Hostile("circular-font.pdf", circular_font, "viewers leave such letters out",
            text="a font of itself"),
    Hostile("circular-descendants.pdf", circular_descendants, "a font that cannot be loaded costs "
            "its own letters", text="descends from itself"),
    Hostile("circular-masks.pdf", circular_masks, "what masks itself costs itself: no text",
            text="masks in a circle"),
    Hostile("circular-colours.pdf", circular_colours, "a colour that cannot be had costs itself",
            text="colours in a circle"),
)  # fmt: skip
"""Expected before the first run, from DESIGN 5 and 9."""
