"""The newsletter: five small pages with the same logo on each, which is decoration and no figure.

Not here: pictures that belong to the text (`observatory.py`, `leaflet.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf

from resources.samples import pictures
from resources.samples.typeset import A5, finish, running_lines, single

TITLE: Final = "The Folded Sheet, spring number"

PAGES: Final = (
    """<h1>The Folded Sheet</h1>
<p class="by">Newsletter of the Lower Ashby Binders, spring number</p>
<p>The workshop in Mill Lane reopens on 4 March after three months of work on the roof. The leak
over
the sewing frames is gone, and so, we are sorry to say, is the owl. Members may use the benches on
Tuesdays and Thursdays until nine in the evening, and on Saturdays until noon.</p>
<p>Subscriptions for the year are now due. They stay at thirty-five pounds, and at ten for anyone
who is still learning the craft.</p>""",
    """<h2>A visit to the paper mill</h2>
<p>Fourteen members travelled to the mill at Overwater in January. The mill makes paper by hand from
cotton and flax, about four hundred sheets on a good day, and sells most of them to restorers of old
books. Each sheet is pressed twice, hung in the loft for a week, and sized with gelatine.</p>
<p>The vatman let every visitor try the mould. It weighs seven kilograms when full, and nobody's
first
sheet was of an even thickness. The sheets were kept, and will be bound as a record of the
day.</p>""",
    """<h2>On the care of knives</h2>
<p>A paring knife should be stropped after every ten minutes of work and ground only twice a year.
Most
of the knives that come to the workshop have been ground away by their owners long before they
were worn out. Lay the flat side on the stone and do not lift it: the edge is made on the other.</p>
<p>Rust is best removed with a cork and a little fine ash. Oil keeps rust away but stains leather,
so
wipe the blade with a dry cloth before you begin.</p>""",
    """<h2>Classes before the summer</h2>
<ul>
<li>Sewing on raised cords, two Saturdays from 15 March.</li>
<li>Paste papers for children, Wednesday 9 April.</li>
<li>Edge gilding with Ruth Calder, a full week in May.</li>
<li>Mending torn maps, every Thursday in June.</li>
</ul>
<p>Each class takes eight members. Names are put down in the book beside the kettle, and a place
that
is not paid for by the week before is given to the next on the list.</p>""",
    """<h2>From the librarian</h2>
<p>The library has been given ninety volumes from the estate of Harold Teague, who bound
prayer books for sixty years and never signed one. His notebooks came with them. They
record every binding that he made, 2,317 in all, with the price, the leather and a remark
upon the customer.</p>
<p>Volunteers are wanted to copy the notebooks, an hour at a time. A clear hand is useful; a sense
of
humour is necessary.</p>""",
)


def newsletter() -> bytes:
    """Five pages that share one image object."""
    document = pymupdf.open()
    for html in PAGES:
        document.insert_pdf(single(html, A5, pymupdf.Rect(44, 104, 376, 540)))
    mark = pictures.png(pictures.logo())
    xref = 0
    for page in document:
        corner = pymupdf.Rect(328, 50, 376, 98)
        xref = page.insert_image(corner, stream=None if xref else mark, xref=xref)
    running_lines(document, "The Folded Sheet", "{page}", margin=44)
    return finish(document, TITLE)
