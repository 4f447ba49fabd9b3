"""The two-column paper: an invented bench study from a bindery, two pages.

Its title and abstract span both columns, words are hyphenated in narrow lines, and a micrograph
stands at the head of a column. Not here: the one-column report (`observatory.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pymupdf

from resources.samples import pictures
from resources.samples.typeset import A4, finish, flow, put, running_lines, single

TITLE: Final = "How Long Does Wheat-Starch Paste Stay Open?"

STYLE: Final = """
body { font-size: 9.5px; line-height: 1.35; }
p, li { hyphens: auto; }
h1 { font-size: 20px; }
h2 { font-size: 12px; }
"""

HEAD: Final = """
<h1>How Long Does Wheat-Starch Paste Stay Open?</h1>
<p class="by">Maren Oldacre and Tobias Wren, Bindery School of Lower Ashby</p>
<p><b>Abstract.</b> A binder who pastes a sheet has only a few minutes in which it can still be
moved.
We measured this open time for cooked wheat-starch paste at four dilutions on three papers, in a
workshop whose humidity was held at 45, 55 and 65 per cent. Open time rose from 3.1 minutes for
thick paste on unsized paper to 14.6 minutes for thin paste on gelatine-sized paper. Humidity
mattered less than the sizing of the paper, and the age of the paste, up to six days, did not
matter at
all. A rule of thumb that apprentices can remember follows from the results.</p>
"""

BODY: Final = """
<h2>1 Why open time matters</h2>
<p>Paste is the gentlest adhesive in the bindery. It can be undone with water, it does not stain,
and
it pulls a covering down tightly as it dries. Its one fault is that it dries at a pace of its own.
When a large sheet is pasted out, the corner that was brushed first may be dry before the last
corner
is wet, and a covering that has begun to grip cannot be slid into place without tearing.</p>
<p>Handbooks give advice but seldom numbers. Thinner paste is said to stay open longer, old paste is
said to grip badly, and damp days are said to be best for large work. None of these statements has,
as far as we know, been measured under workshop conditions. The bench study described here
set out to do so with equipment that any bindery owns: a balance, a brush, a clock and a
hygrometer.</p>

<h2>2 Materials and method</h2>
<p>Paste was cooked from one part of wheat starch to four parts of water, sieved twice, and diluted
to 20, 16, 12 and 8 per cent of starch by weight. Three papers were used: an unsized blotting
paper, a machine-made book paper with internal sizing, and a handmade paper sized with
gelatine. Figure 1 shows the surface of the handmade paper.</p>
<p>Strips of 50 by 200 millimetres were brushed with 1.2 grams of paste and laid, one after the
other, on a varnished board. Every thirty seconds the next strip was drawn sideways with a spring
balance. Open time was taken to be the last moment at which the strip slid with a force of less
than two newtons. Each combination of paper, dilution and humidity was measured eight times, which
gives 288 measurements in all; eleven were discarded because a strip had curled.</p>
<p>Humidity was controlled with a domestic humidifier in a closed room of 18 square metres. It
drifted by no more than three per cent during a session. The temperature was between 19 and 21
degrees throughout.</p>

<h2>3 Results</h2>
<p>Sizing had the largest effect. Averaged over all dilutions and humidities, open time was 4.2
minutes on blotting paper, 7.9 minutes on book paper and 11.3 minutes on the gelatine-sized
paper. The reason is plain from the micrograph: gelatine fills the gaps between the fibres, so that
water leaves the paste by evaporation alone and is not drawn into the sheet.</p>
<p>Dilution came second. Each step from 20 down to 8 per cent lengthened the open time by about a
quarter, and the proportion was the same on all three papers. Thin paste, however, holds
less: the strips pasted at 8 per cent could be peeled after a day with half the force that those at
16 per cent needed.</p>
<p>Humidity mattered least. Between 45 and 65 per cent the open time rose by only 12 per cent, which
is smaller than the difference between two binders with different brushes. The belief that damp days
are best for large work is therefore true but unimportant.</p>
<p>The age of the paste made no difference that we could measure. Paste kept in a cool larder under
a film of water gave the same open times on the sixth day as on the first. On the seventh day it
had begun to smell, and the experiment was stopped.</p>

<h2>4 A rule for apprentices</h2>
<p>The results can be put into one sentence: on ordinary book paper, at ordinary humidity, paste at
16 per cent stays open for about seven minutes, and every change that keeps water out of the
sheet adds to that. An apprentice who needs more time should first size the paper, then thin the
paste, and only last wait for a damp day.</p>
<p>For coverings larger than half a square metre we recommend pasting the board instead of the
covering. The board can be brushed twice without harm, and the covering stays dry, flat and easy to
place. In our own workshop this habit has reduced the number of spoiled coverings from one in nine
to one in forty over a single winter.</p>

<h2>5 Limits of the study</h2>
<p>Only one starch was tested, from one mill. Rice starch is finer and may behave otherwise. The
force that we chose as the end of the open time, two newtons, is a matter of judgement; with
three newtons all times become longer by roughly a fifth, but their order does not change. Leather
and cloth were not tested, and nothing in this paper should be applied to them without a trial.</p>
<p>Nor did we test methyl cellulose, which many workshops now mix with paste in order to slow it.
A mixture of equal parts was tried on a single afternoon and stayed open for more than twenty
minutes, too long for the strips to be measured by our method. It deserves a study of its own.</p>
<p>Finally, our strips were small. On a full covering the brush takes time to travel, and the part
that was pasted first has aged by the time the last part is wet. The open times given here
should be counted from the first stroke of the brush, not from the last.</p>

<h2>Acknowledgements</h2>
<p>We thank the second-year class of the Bindery School, who pasted and pulled most of the strips,
and
the mill at Lower Ashby, which gave the starch.</p>

<h2>References</h2>
<p>[1] E. Pell, <i>The Paste Pot: A Handbook for Binders</i>, Ashby Press, 1987.</p>
<p>[2] J. Marsh and O. Quill, Sizing and the movement of water in handmade paper, <i>Bench Notes</i>
14 (2011), 33-41.</p>
<p>[3] R. Tallow, Starch, gelatine and glue compared, <i>Bench Notes</i> 19 (2016), 5-18.</p>
"""

FIGURE_CAPTION: Final = (
    '<p class="caption"><b>Figure 1.</b> Fibres of the handmade paper under raking light. The '
    "field is two millimetres wide.</p>"
)
GUTTER: Final = 18.0
COLUMN: Final = 224.0
LEFT: Final = 64.0


def _boxes(number: int) -> Sequence[pymupdf.Rect]:
    """Two columns; on page 1 below the abstract, on page 2 the figure heads the right one."""
    right = LEFT + COLUMN + GUTTER
    top_left, top_right, bottom = (210.0, 210.0, 762.0) if number == 1 else (62.0, 272.0, 445.0)
    return [
        pymupdf.Rect(LEFT, top_left, LEFT + COLUMN, bottom),
        pymupdf.Rect(right, top_right, right + COLUMN, bottom),
    ]


def paper() -> bytes:
    """The paper as PDF bytes."""
    document = flow(BODY, A4, _boxes, STYLE)
    head = single(HEAD, A4, pymupdf.Rect(LEFT, 62, 530, 208), STYLE)
    document[0].show_pdf_page(A4, head, 0)
    right = LEFT + COLUMN + GUTTER
    micrograph = pictures.jpeg(pictures.fibres(), quality=70)
    document[1].insert_image(pymupdf.Rect(right, 64, right + COLUMN, 232), stream=micrograph)
    put(document[1], pymupdf.Rect(right, 236, right + COLUMN, 266), FIGURE_CAPTION)
    running_lines(document, "Bench Notes from the Bindery School, number 31", "{page}")
    return finish(document, TITLE)
