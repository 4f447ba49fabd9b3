"""The rotated sample: a landscape page by way of /Rotate 90, then a scan that lies on its side.

The first page has a text layer and reads upright in a viewer; the second is an image that
nobody turned, so that OCR has to. Not here: upright scans (`scans.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf
from PIL import Image

from resources.samples import pictures
from resources.samples.typeset import A4, A5, finish, image_page, inset, raster, single

SIDEWAYS_DPI: Final = 170

STYLE: Final = """
table { border-collapse: collapse; margin: 6px 0 8px 0; }
td, th { border: 1px solid black; padding: 3px 12px 3px 6px; text-align: left; font-size: 10px; }
"""

CALENDAR: Final = """
<h1>A Sowing Calendar for a Cold Garden</h1>
<p>The dates below are for a garden at 240 metres that faces north-west, where the last frost comes
about 18 May and the first about 4 October. In a kinder place every date in spring can be moved
forward by two weeks. Seed that is sown into cold, wet soil rots, and nothing is gained by
haste.</p>
<table>
<tr><th>Crop</th><th>Sow indoors</th><th>Sow outdoors</th><th>Plant out</th><th>Harvest</th></tr>
<tr><td>Broad beans</td><td>late February</td><td>late March</td><td>mid
April</td><td>July</td></tr>
<tr><td>Onions</td><td>January</td><td>April</td><td>late April</td><td>September</td></tr>
<tr><td>Kale</td><td>April</td><td>May</td><td>early July</td><td>October to March</td></tr>
<tr><td>Leeks</td><td>March</td><td>April</td><td>late June</td><td>November to April</td></tr>
<tr><td>Runner beans</td><td>early May</td><td>June</td><td>June</td><td>August</td></tr>
<tr><td>Beetroot</td><td>March</td><td>May</td><td>early May</td><td>August to October</td></tr>
</table>
<p>Leeks are the most forgiving crop on the list and kale is the hardiest. Runner beans are the
greatest risk: in four years out of ten an early frost takes them before the pods have filled.</p>
"""

NOTICE: Final = """
<h2>Rules of the Reading Room</h2>
<p>Readers sign the book on entering and leave bags and wet coats at the door. Pencils only are
allowed at the tables; ink has spoiled too many maps.</p>
<p>No more than three volumes may be fetched at a time. Large atlases are opened by the librarian,
on
the padded stand, and are not to be leaned upon.</p>
<p>Copies cost ten pence a sheet. Nothing made before 1850 may be copied, because the lamp of the
machine fades old dyes.</p>
<p>The room closes at half past five, and at four on Saturdays. Readers who wish to stay later may
apply to the committee in writing.</p>
"""


def _turned_page() -> pymupdf.Document:
    """A landscape page stored on portrait paper with /Rotate 90, as office programs write it."""
    landscape = pymupdf.Rect(0, 0, A4.height, A4.width)
    document = single(CALENDAR, landscape, inset(landscape, 64), STYLE)
    page = document[0]
    contents = page.read_contents()
    xref = page.get_contents()[0]
    # x' = W - y, y' = x: the clockwise turn that a viewer makes for /Rotate 90, undone.
    document.update_stream(xref, b"q 0 1 -1 0 %d 0 cm\n%s\nQ" % (int(A4.width), contents))
    page.set_mediabox(A4)
    page.set_rotation(90)
    return document


def rotated() -> bytes:
    """Both pages in one document."""
    document = _turned_page()
    upright = pictures.from_pixmap(
        raster(
            single(NOTICE, A5, inset(A5, 44), "body { font-size: 12px; text-align: left; }"),
            1,
            SIDEWAYS_DPI,
        )
    )
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    image_page(document, pymupdf.Rect(0, 0, A5.height, A5.width), pictures.png(lying, greys=8))
    return finish(document, "A Sowing Calendar for a Cold Garden")
