"""The mixed sample: a page of text, a scanned page, and text beside a picture of text.

It shows that routing is decided page by page, and region by region. Not here: documents that are
all scan (`scans.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf

from resources.samples import pictures
from resources.samples.typeset import A5, finish, image_page, inset, raster, single

SCAN_DPI: Final = 170
CLIPPING_DPI: Final = 170
LARGE: Final = "body { font-size: 12px; }"

FIRST: Final = """
<h1>The Ferry at Low Water</h1>
<p class="by">Notes for a walking tour, stage four</p>
<p>The ferry at Low Water is the oldest on the river and the only one still worked by hand. A
boat has crossed here since at least 1284, when the monks of the upper valley were granted the right
to charge a farthing for a man and a halfpenny for a horse. Today the fare is two pounds, and
horses are no longer taken.</p>
<p>The crossing is 190 metres wide at high tide and barely 60 at low tide, when the boat runs
between
two withies that mark the channel. The ferryman will wait for a walker who waves from the bank, but
not for one who shouts.</p>
<h2>Times of crossing</h2>
<p>The ferry runs from Easter until the last Sunday of October. It does not run for an hour on
either
side of low water at spring tides, because the boat would ground on the bar. The next page is the
notice that hangs in the shelter, and it should be believed before this guide.</p>
"""

SCANNED_NOTICE: Final = """
<h2>Notice to Passengers</h2>
<p>The boat carries eight persons and no more. Children are to be seated before the oars are taken
up, and dogs are to be held.</p>
<p>In fog the bell is rung every two minutes. Passengers on the far bank should answer with the horn
that hangs beside the step.</p>
<p>Bicycles cross for one pound when there is room. The ferryman may refuse any load that would put
the boat lower than the white line.</p>
<p>Lost property is kept for a month at the inn.</p>
"""

CLIPPING: Final = """
<p><b>FERRY SAVED BY SUBSCRIPTION</b></p>
<p>The hand ferry at Low Water will run again next summer. A public subscription closed on Friday
at 9,240 pounds, which is enough for a new boat and for two years of wages. The old boat, built in
1961, will go to the museum.</p>
<p>The ferryman, who has rowed the crossing for twenty-two years, said that he had never doubted it.
"People grumble at the fare," he told this newspaper, "but they would grumble more at the bridge,
which is eleven miles away and has no bench."</p>
"""

LAST: Final = """
<h2>After the crossing</h2>
<p>From the far bank a cinder path follows the old railway for three kilometres to the station
at Withy Halt, where trains stop on request. The cutting from the valley newspaper, below, tells
why the ferry is still there.</p>
"""

CARD: Final = pymupdf.Rect(0, 0, 330, 250)


def mixed() -> bytes:
    """Three pages: text layer, scan, text layer with an image of text."""
    left = "body { text-align: left; }"
    document = single(FIRST, A5, inset(A5, 44), left)
    scan = raster(single(SCANNED_NOTICE, A5, inset(A5, 44), left + LARGE), 1, SCAN_DPI)
    image_page(document, A5, pictures.png(pictures.from_pixmap(scan), greys=8))
    last = single(LAST, A5, inset(A5, 44), left)
    document.insert_pdf(last)
    clipping = raster(single(CLIPPING, CARD, inset(CARD, 20), left + LARGE), 1, CLIPPING_DPI)
    stream = pictures.png(pictures.from_pixmap(clipping), greys=8)
    page = document[2]
    box = CARD + pymupdf.Rect(44, 180, 44, 180)
    page.insert_image(box, stream=stream)
    page.draw_rect(box, width=0.6)
    return finish(document, "The Ferry at Low Water")
