"""Streams that are not what they claim: bombs, endless work, recursion, images of absurd size."""

from __future__ import annotations

import zlib
from functools import cache, partial

from tests.hostile.case import Draft, Hostile, said, stream

_GIB = 2**30
_FLATE = b"/Filter/FlateDecode"
_TWICE = b"/Filter[/FlateDecode/FlateDecode]"


@cache
def bomb(size: int = _GIB, fill: bytes = b" ") -> bytes:
    """A zlib stream of `size` bytes, written without ever holding them: a thousandth of that."""
    block = fill * (2**20 // len(fill))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)  # stands on its own
    check = 1
    for _ in range(size // 2**20):
        check = zlib.adler32(block, check)
    return b"x\xda" + piece * (size // 2**20) + b"\x03\x00" + check.to_bytes(4, "big")


def page_bomb() -> bytes:
    draft = Draft("the neighbours of a bomb", 5)
    draft.content(3, bomb(), _FLATE)
    return draft.file()


def page_bomb_twice() -> bytes:
    draft = Draft("the neighbours of a double bomb", 4)
    draft.content(2, zlib.compress(bomb(), 9), _TWICE)
    made = draft.file()
    assert len(made) < 32_000
    return made


def metadata_bomb() -> bytes:
    draft = Draft("metadata")
    number = draft.add(stream(zlib.compress(bomb(), 9), b"/Type/Metadata/Subtype/XML" + _TWICE))
    draft.catalog(b"/Metadata %d 0 R" % number)
    return draft.file()


def attached_bomb() -> bytes:
    draft = Draft("an attachment")
    data = draft.add(stream(zlib.compress(bomb(), 9), b"/Type/EmbeddedFile" + _TWICE))
    spec = draft.add(b"<</Type/Filespec/F(big.txt)/UF(big.txt)/EF<</F %d 0 R>>>>" % data)
    draft.catalog(b"/Names<</EmbeddedFiles<</Names[(big.txt) %d 0 R]>>>>" % spec)
    return draft.file()


def cmap_bomb() -> bytes:
    """The table that says which letters a font's codes are."""
    draft = Draft("the pages around a font", 3)
    cmap = draft.add(stream(zlib.compress(bomb(), 9), _TWICE))
    font = draft.add(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode %d 0 R>>" % cmap)
    draft.page(2, resources=b"/Font<</F1 %d 0 R>>" % font)
    draft.bodies[5] = draft.bodies[5].replace(b"/Font<</F1 3 0 R>>", b"")
    return draft.file()


def object_stream_bomb() -> bytes:
    """The catalog lies in a compressed object stream that never ends."""
    packed = zlib.compress(bomb(), 9)
    out = bytearray(b"%PDF-1.7\n")
    at = len(out)
    out += b"5 0 obj\n" + stream(packed, b"/Type/ObjStm/N 3/First 20" + _TWICE) + b"\nendobj\n"
    rows = b"\x00\x00\x00\x00\xff" + b"".join(b"\x02\x00\x00\x05" + bytes([i]) for i in range(3))
    rows += b"\x00\x00\x00\x00\x00" + b"\x01" + at.to_bytes(3, "big") + b"\x00"
    start = len(out)
    rows += b"\x01" + start.to_bytes(3, "big") + b"\x00"
    out += b"6 0 obj\n" + stream(rows, b"/Type/XRef/Size 7/W[1 3 1]/Root 1 0 R") + b"\nendobj\n"
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def path_operators() -> bytes:
    draft = Draft("pages without drawings", 3)
    work = b"0 0 m " + b"10 10 l 590 700 l 300 5 l 20 780 l " * 250_000 + b"S\n"
    draft.content(2, zlib.compress(work, 9), _FLATE)
    return draft.file()


def text_operators() -> bytes:
    """Two hundred thousand letters, one operator each: much, but it is a page's text."""
    draft = Draft("letters")
    work = said("many letters") + b"BT /F1 1 Tf 20 20 Td " + b"(a) Tj " * 200_000 + b"ET\n"
    draft.content(1, zlib.compress(work, 9), _FLATE)
    return draft.file()


def open_states() -> bytes:
    draft = Draft("states")
    draft.content(1, zlib.compress(b"q " * 1_000_000 + said("saved states"), 9), _FLATE)
    return draft.file()


def forms_deep() -> bytes:
    """Thirty thousand forms, each drawn by the one before."""
    draft = Draft("pages that nest nothing", 3)
    first = draft.next()
    for number in range(first, first + 30_000):
        inner = b"/Resources<</XObject<</X %d 0 R>>>>" % (number + 1)
        draft.add(stream(b"/X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]" + inner))
    draft.add(stream(b"0 0 m 9 9 l S", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]"))
    draft.page(2, resources=b"/XObject<</X %d 0 R>>" % first)
    draft.content(2, said("a deep nest") + b"/X Do")
    return draft.file()


def forms_doubling() -> bytes:
    """Forty forms, each drawing the next one twice: a billion laughs."""
    draft = Draft("pages that do not laugh", 3)
    first = draft.next()
    for number in range(first, first + 40):
        inner = b"/Resources<</XObject<</X %d 0 R>>>>" % (number + 1)
        draft.add(stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]" + inner))
    draft.add(stream(b"0 0 m 9 9 l S", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]"))
    draft.page(2, resources=b"/XObject<</X %d 0 R>>" % first)
    draft.content(2, said("laughter") + b"/X Do")
    return draft.file()


def form_of_itself() -> bytes:
    draft = Draft()
    own = b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</X %d 0 R>>>>"
    number = draft.next()
    draft.add(stream(b"/X Do", own % number))
    draft.page(resources=b"/XObject<</X %d 0 R>>" % number)
    draft.content(1, said("a form within itself") + b"/X Do")
    return draft.file()


def unknown_filter() -> bytes:
    draft = Draft("readable pages", 2)
    draft.content(2, bytes(range(256)) * 8, b"/Filter/NoSuchDecode")
    return draft.file()


def rubbish_content() -> bytes:
    draft = Draft("readable pages", 2)
    draft.content(2, b"\x00\x01rubbish, nothing of which inflates" * 40, _FLATE)
    return draft.file()


def _with_image(words: str, dictionary: bytes, data: bytes) -> bytes:
    draft = Draft(words)
    image = draft.add(stream(data, b"/Type/XObject/Subtype/Image" + dictionary))
    draft.page(resources=b"/XObject<</I %d 0 R>>" % image)
    draft.content(1, said(words) + b"q 300 0 0 300 72 300 cm /I Do Q\n")
    return draft.file()


def _rgb(width: int, height: int) -> bytes:
    return b"/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceRGB" % (width, height)


def image_of_gigapixels() -> bytes:
    return _with_image("a huge image", _rgb(100_000, 100_000) + _FLATE, zlib.compress(b"\0" * 999))


def image_of_gigapixels_that_are_there() -> bytes:
    """The bytes are there: 3 GiB that inflate twice from kilobytes."""
    packed = zlib.compress(bomb(3 * _GIB, b"\x80"), 9)
    return _with_image("a picture bomb", _rgb(32_768, 32_768) + _TWICE, packed)


def image_of_overflowing_size() -> bytes:
    return _with_image("an overflow", _rgb(2**31 - 1, 2**31 - 1) + _FLATE, zlib.compress(b"\0" * 9))


def image_of_negative_size() -> bytes:
    return _with_image("less than nothing", _rgb(-200, -200) + _FLATE, zlib.compress(b"\0" * 9))


def image_rubbish(filter_name: bytes) -> bytes:
    words = "an image of " + filter_name.decode()
    return _with_image(words, _rgb(400, 400) + b"/Filter/" + filter_name, b"no such image " * 90)


def broken_scan() -> bytes:
    draft = Draft()
    size = _rgb(1700, 2200) + b"/Filter/JPXDecode"
    image = draft.add(stream(b"no such image " * 90, b"/Type/XObject/Subtype/Image" + size))
    draft.page(resources=b"/XObject<</I %d 0 R>>" % image)
    draft.content(1, b"q 612 0 0 792 0 0 cm /I Do Q\n")
    return draft.file()


def wide_rows() -> bytes:
    """A filter that wants a buffer for two rows, as wide as its integers allow."""
    draft = Draft("pages of narrow rows", 3)
    rows = b"/DecodeParms<</Predictor 12/Columns 260000000/Colors 1/BitsPerComponent 8>>"
    draft.content(2, zlib.compress(said("rows")), _FLATE + rows)
    return draft.file()


def inline_image() -> bytes:
    draft = Draft("inline")
    image = b"q 99 0 0 99 72 72 cm BI /W 100000 /H 100000 /BPC 8 /CS /RGB ID xyz\nEI Q\n"
    draft.content(1, said("an inline image") + image)
    return draft.file()


_BOMB = ("timeout", "memory")
CASES = (
    Hostile("page-bomb.pdf", page_bomb, "1 MiB of content inflates to 1 GiB: its page pays",
            _BOMB, (3,), 5, "neighbours of a bomb", slow=True),
    Hostile("page-bomb-twice.pdf", page_bomb_twice, "KBs inflate twice to 1 GiB: its page pays",
            _BOMB, (2,), 4, "neighbours of a double bomb"),
    Hostile("metadata-bomb.pdf", metadata_bomb, "nobody needs that stream, so nobody inflates it",
            text="about metadata"),
    Hostile("attached-bomb.pdf", attached_bomb, "attachments are counted, never unpacked",
            text="about an attachment"),
    Hostile("cmap-bomb.pdf", cmap_bomb, "a bomb behind a font: the page that uses it pays",
            _BOMB, (2,), 3, "pages around a font", slow=True, may_pass=True),
    Hostile("object-stream-bomb.pdf", object_stream_bomb, "it cannot be opened in time or memory",
            (*_BOMB, "corrupt"), n_pages=None),
    Hostile("path-operators.pdf", path_operators, "a million path operators: their page pays",
            ("timeout",), (2,), 3, "pages without drawings"),
    Hostile("text-operators.pdf", text_operators, "200,000 letters are a page's text",
            text="many letters"),
    Hostile("open-states.pdf", open_states, "a million saved states are more than a parser keeps",
            ("unreadable",), (1,)),
    Hostile("forms-deep.pdf", forms_deep, "30,000 nested forms overflow the stack: the page pays",
            ("crash", "timeout", "memory", "unreadable"), (2,), 3, "pages that nest nothing"),
    Hostile("forms-doubling.pdf", forms_doubling, "forms that double: their page pays",
            ("timeout",), (2,), 3, "pages that do not laugh"),
    Hostile("form-of-itself.pdf", form_of_itself,
            "a form within itself is drawn once, as viewers do",
            text="form within itself"),
    Hostile("unknown-filter.pdf", unknown_filter, "a page none of which decodes is no blank page",
            ("unreadable",), (2,), 2, "readable pages"),
    Hostile("rubbish-content.pdf", rubbish_content, "a page none of which inflates is not blank",
            ("unreadable",), (2,), 2, "readable pages"),
    Hostile("image-100000x100000.pdf", image_of_gigapixels, "refused by its declared size; the "
            "page's text is none of its business", ("image_failed",), text="a huge image"),
    Hostile("image-bomb.pdf", image_of_gigapixels_that_are_there, "a billion pixels that are "
            "there, on a page that the layout model looks at: the page pays",
            ("timeout", "memory"), (1,), slow=True),
    Hostile("image-overflow.pdf", image_of_overflowing_size, "width times height overflows",
            ("image_failed",), text="an overflow"),
    Hostile("image-negative.pdf", image_of_negative_size, "there is no such image, and the page "
            "says what it says", text="less than nothing"),
    *(
        Hostile(f"image-{name}.pdf", partial(image_rubbish, name.encode()),
                "nothing of the image decodes; the page's text is there", ("image_failed",),
                text=f"an image of {name}")
        for name in ("DCTDecode", "JBIG2Decode", "LZWDecode")
    ),
    Hostile("image-CCITTFaxDecode.pdf", partial(image_rubbish, b"CCITTFaxDecode"),
            "fax has no errors: whatever the bits say is a picture",
            text="an image of CCITTFaxDecode"),
    Hostile("image-JPXDecode.pdf", partial(image_rubbish, b"JPXDecode"), "an image without a "
            "header is none, as in a viewer; the page says what it says",
            text="an image of JPXDecode"),
    Hostile("scan-JPXDecode.pdf", broken_scan, "a page that is nothing but such an image is lost, "
            "not blank", ("unreadable",), (1,)),
    Hostile("inline-image.pdf", inline_image, "an inline image of gigapixels is none either",
            text="an inline image"),
    Hostile("predictor.pdf", wide_rows, "rows of 250 MB: the page that has them pays",
            ("memory",), (2,), 3, "pages of narrow rows"),
)  # fmt: skip
"""Expected before the first run, from DESIGN 1 (promise 4), 5 and 9."""
