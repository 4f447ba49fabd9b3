"""Samples that are pictures of pages: a clean scan and a worn, skewed one; no text layer.

Here: scans that stand upright. Not here: a scan on its side (`rotated.py`) or between pages of
text (`mixed.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf

from resources.samples import pictures
from resources.samples.typeset import A5, finish, image_page, inset, raster, single

CLEAN_DPI: Final = 200
NOISY_DPI: Final = 170
SKEW_DEGREES: Final = 1.4

FIELD_GUIDE: Final = """
<h2>Lichens of the Churchyard Wall</h2>
<p>A stone wall that has stood for a century may carry sixty kinds of lichen, and most of them can
be
told apart with a hand lens and a little patience. Begin on the sunny side, where colours are
strongest, and look at one stone at a time.</p>
<p>The orange discs that catch the eye first belong to the sunburst lichen. It thrives wherever
birds
perch, because their droppings feed it, so the coping stones are its favourite place. In shade the
same plant turns a dull grey-green and is easily mistaken for another.</p>
<p>The crab's-eye lichen makes white crusts on hard, acid stone. Its fruiting bodies look like tiny
jam tarts with pale rims, between one and two millimetres across. A dye was once made from it that
coloured wool a deep purple.</p>
<p>Lichens grow slowly. A patch of the map lichen spreads by less than one millimetre in a year,
so a
disc as wide as a hand was already old when the wall was last repaired. Never scrape a stone to
obtain a sample; a photograph and a note of the place are enough.</p>
<p>Clean air can be read from a wall as from a gauge. Where only grey crusts survive, the air was
foul within living memory; where leafy and bushy lichens return, it is improving.</p>
"""

LETTER: Final = """
<p>Saltmarsh House, 14 October</p>
<p>Dear Mr Penhallow,</p>
<p>Thank you for the barometer, which arrived on Tuesday with the glass whole and the case a little
scratched. I have hung it in the hall beside the clock. It stood at 29.4 inches this morning and has
been falling since, so I expect that we shall lose the rest of the apples.</p>
<p>You asked what became of the tide mill. The sluice was carried away in the storm of 1953 and the
wheel has not turned since that night. My father kept the books, and they show that in a good year
the mill ground 310 tons of barley, working two tides a day and never on a Sunday.</p>
<p>The parish would like to repair the building as a reading room. The roof alone will cost eleven
thousand pounds, of which we have collected four. If your society could lend its name to the
appeal, I am sure that the rest would follow.</p>
<p>With kind regards,</p>
<p>Dorothea Finch</p>
"""

_LARGE: Final = "body { font-size: 12px; text-align: left; }"


def _scan(html: str, dpi: int) -> pymupdf.Pixmap:
    return raster(single(html, A5, inset(A5, 44), _LARGE), 1, dpi)


def clean_scan() -> bytes:
    """One page of clear print, 200 dpi, a few levels of grey."""
    sheet = pictures.from_pixmap(_scan(FIELD_GUIDE, CLEAN_DPI))
    document = pymupdf.open()
    image_page(document, A5, pictures.png(sheet, greys=8))
    return finish(document, "Lichens of the Churchyard Wall")


def noisy_scan() -> bytes:
    """One page that is blurred, noisy, unevenly lit, skewed by over a degree, and a JPEG."""
    sheet = pictures.from_pixmap(_scan(LETTER, NOISY_DPI))
    document = pymupdf.open()
    image_page(document, A5, pictures.jpeg(pictures.worn(sheet, SKEW_DEGREES), quality=45))
    return finish(document, "")
