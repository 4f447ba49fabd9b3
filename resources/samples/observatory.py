"""The born-digital report: an invented observatory's year, five pages.

It has a title, three levels of headings, running lines, a ruled table, a raster figure and a
vector chart with captions, a list, a footnote and words hyphenated across lines.
Not here: other layouts of a text layer (`paste_paper.py`, `rotated.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pymupdf

from resources.samples import pictures
from resources.samples.typeset import A4, finish, flow, put, running_lines

TITLE: Final = "Kestrel Fell Observatory: Annual Report 2024"
CLEAR_NIGHTS: Final = (9, 11, 12, 14, 13, 12, 11, 15, 16, 13, 8, 7)
MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)

STYLE: Final = """
p, li { hyphens: auto; }
table { border-collapse: collapse; margin: 6px 0 8px 0; }
td, th { border: 1px solid black; padding: 3px 9px 3px 6px; text-align: left; font-size: 9.5px; }
"""

REPORT: Final = """
<h1>Kestrel Fell Observatory</h1>
<p class="by">Annual Report 2024, presented to the Trustees on 1 March 2025</p>

<h2>1 The year in brief</h2>
<p>The observatory recorded 141 clear nights in 2024, the best total since the dome was rebuilt
in 2009, and the main telescope was on the sky for 872 hours.<sup>1</sup> Faults in the
instrumentation cost only 31 hours, less than half of what they cost in 2023. The variable-star
programme completed its tenth season without a gap, and its photometry is now used by eleven
groups in six countries.</p>
<p>Visitors returned in numbers that we had not expected. Some 6,480 people came up the fell on
open evenings, 22 per cent more than the year before, and a third of them were under sixteen. The
path from the car park, which floods each winter, was raised and drained in May with a grant from
the county, and no evening has been cancelled for want of dry feet since then.</p>
<p>Three results of the year deserve to stand at the head of this report:</p>
<ul>
<li>the discovery that the eclipsing pair KF&nbsp;117 has a third, fainter companion;</li>
<li>the recovery of the near-Earth object that was lost in the bad weather of 2021;</li>
<li>a night-sky brightness of 21.4 magnitudes per square arcsecond, unchanged for a decade, which
confirms that the lighting agreement with the valley councils is holding.</li>
</ul>
<p>The year also had its disappointments. The spectrograph did not arrive, the aluminising of the
mirror was put off twice, and two experienced observers left us for larger telescopes. The
Trustees should read the plans in section 6 with those gaps in mind.</p>

<h2>2 Observing</h2>
<h3>2.1 Weather and time on the sky</h3>
<p>A night is counted as clear when the cloud sensor reports less than one eighth of cover for at
least three hours without a break. By this measure September was the best month, with 16 clear
nights, and December the worst, with 7. The long dry spell of late summer came with unusually
steady air: the median seeing of the third quarter, 1.6 seconds of arc, is the lowest that the
monitor has shown in any quarter. Table 1 gives the figures by quarter.</p>
<p class="caption"><b>Table 1.</b> Clear nights and use of the main telescope, by quarter.</p>
<table>
<tr><th>Quarter</th><th>Clear nights</th><th>Hours observed</th><th>Hours
lost</th><th>Seeing</th></tr>
<tr><td>January to March</td><td>32</td><td>242</td><td>6</td><td>1.9</td></tr>
<tr><td>April to June</td><td>39</td><td>191</td><td>11</td><td>1.7</td></tr>
<tr><td>July to September</td><td>42</td><td>213</td><td>4</td><td>1.6</td></tr>
<tr><td>October to December</td><td>28</td><td>226</td><td>10</td><td>2.0</td></tr>
<tr><td><b>Whole year</b></td><td>141</td><td>872</td><td>31</td><td>1.8</td></tr>
</table>
<p>Hours observed do not simply follow the number of clear nights, because summer nights are
short. The 28 clear nights of the last quarter gave more observing time than the 42 of the third.
For this reason the allocation committee now awards time in hours instead of nights, a change that
the users of the telescope asked for in their well-known letter of 2022.</p>

<h3>2.2 The variable-star programme</h3>
<p>The programme follows 260 stars whose brightness changes, visiting each of them at least twice a
week while it can be seen. During 2024 it made 41,300 measurements, of which 96 per cent passed the
automatic checks. The photometry is calibrated against a set of 38 standard stars, and its typical
uncertainty is six thousandths of a magnitude for a star of the twelfth magnitude.</p>
<p>The most interesting object of the year was KF&nbsp;117. Its eclipses have been arriving early or
late by up to four minutes, in a pattern that repeats every 2.6 years. A companion of about half
the mass of the Sun, on a wide orbit, explains the pattern well. The discovery was made by Ines
Harrow, a student on a summer placement, who noticed that a well-known table of eclipse times had
been copied with two digits exchanged.</p>

<h3>2.3 Near-Earth objects</h3>
<p>On 61 nights the wide-field camera was given over to near-Earth objects. It measured the
positions of 214 of them, and nine were seen here before anywhere else. The object that was lost in
2021 was recovered on 9 February, a third of a degree from where the old orbit had put it; the new
orbit rules out an encounter with the Earth for at least the next hundred years.</p>

<h2>3 Instruments</h2>
<h3>3.1 The main telescope</h3>
<p>The mirror has not been aluminised since 2018 and now reflects 81 per cent of the light that
falls on it, against 89 per cent when the coating was new. The loss is equal to stopping the
telescope down by some five centimetres. Coating was planned for June, but the vacuum tank at the
university was out of service, and a second date in October was lost to the same fault. The work is
now booked for April 2025, and will close the telescope for about three weeks.</p>
<p>The dome drive, by contrast, gave no trouble at all. Replacing its chain with a friction wheel in
2023 has removed the commonest cause of lost time, and accounts for most of the improvement in the
figures of Table 1.</p>

<h3>3.2 The wide-field camera</h3>
<p>A new detector was fitted to the wide-field camera in March. It covers 1.8 degrees of sky on a
side, four times the area of the old one, and reads out in nine seconds instead of forty. Figure 1
shows one of the first exposures. The detector runs at minus 95 degrees Celsius and is cooled by a
closed-cycle refrigerator, so that liquid nitrogen no longer has to be carried up the fell. The
saving in nitrogen alone, about 3,900 pounds a year, will pay for the refrigerator by 2027.</p>
<p>Software was the harder part of the change. Each exposure is now 132 megabytes, and the link to
the valley can carry only thirty of them in an hour. Images are therefore reduced at the
observatory, and only measurements and small cut-outs travel down during the night; the full
exposures follow by day. The arrangement has worked without loss since April.</p>

<h2>4 Visitors and teaching</h2>
<p>Open evenings were held on every Friday and Saturday from September to April, and the new
afternoon talks on the Sun filled the lecture room all summer. Schools made 74 visits. Figure 2
shows the clear nights month by month, which is the question that visitors ask most often before
they book: an evening in September is twice as likely to be clear as one in December.</p>
<p>Forty-two volunteers gave 3,100 hours between them. They led tours, baked for the open evenings,
painted the railings, and translated the visitors' guide into Polish and Welsh. The observatory
could not open its doors without them, and the Trustees may wish to thank them in person at the
summer meeting.</p>
<p>Two students completed master's theses on data taken here. One measured how fast the asteroid
families of the inner belt are spreading apart; the other built a cheap monitor of night-sky
brightness, of which twelve copies now stand on school roofs along the valley and report every ten
minutes.</p>

<h2>5 Money</h2>
<p>Income was 412,600 pounds and spending 398,200, which leaves a surplus of 14,400 pounds. Half of
the income came from the university, a quarter from grants, and the rest from visitors and gifts.
The largest single cost, after salaries, was the new detector at 61,000 pounds, towards which the
Friends of the Observatory raised 25,000 by walking the county boundary. Electricity cost 18,700
pounds, a fifth less than in 2023, because the dome is no longer heated between observing runs.</p>
<p>Reserves stand at 96,000 pounds, or three months of spending. The auditors recommend six months,
and the Trustees agreed in November to reach that level by 2029.</p>

<h2>6 Plans for 2025</h2>
<p>The mirror will be aluminised in April. The spectrograph, now eighteen months late, is promised
for August; once it is in place a third of the observing time will go to measuring the companions
of the eclipsing stars, beginning with KF&nbsp;117. A second friction drive is to be fitted to the
small dome, and the archive of 11,000 photographic plates will be scanned, at a rate of sixty a
week, by volunteers who have already been trained.</p>
<p>Above all the observatory needs another full-time observer. Without one, the hours on the sky
will fall in 2025, however kind the weather is.</p>
"""

FOOTNOTE: Final = (
    '<p class="note"><sup>1</sup> Hours are counted from the opening to the closing of the '
    "shutter, and include the time spent on calibration.</p>"
)
FIGURE_CAPTION: Final = (
    '<p class="caption"><b>Figure 1.</b> The dust lanes in Cygnus, one of the first exposures of '
    "the new wide-field camera, taken on 22 March 2024.</p>"
)
CHART_CAPTION: Final = '<p class="caption"><b>Figure 2.</b> Clear nights in each month of 2024.</p>'
FIGURE_PAGE: Final = 3
CHART_PAGE: Final = 4


def _boxes(number: int) -> Sequence[pymupdf.Rect]:
    """Leave room for the footnote, the figure and the chart on their pages."""
    bottom = {1: 682.0, FIGURE_PAGE: 510.0, CHART_PAGE: 535.0}.get(number, 760.0)
    return [pymupdf.Rect(70, 66, 525, bottom)]


def _draw_chart(page: pymupdf.Page, box: pymupdf.Rect) -> None:
    """A bar chart as vectors, with its axes and labels as text."""
    shape = page.new_shape()
    scale = (box.height - 12) / max(CLEAR_NIGHTS)
    step = box.width / len(CLEAR_NIGHTS)
    for index, nights in enumerate(CLEAR_NIGHTS):
        left = box.x0 + index * step + step * 0.2
        shape.draw_rect(pymupdf.Rect(left, box.y1 - nights * scale, left + step * 0.6, box.y1))
        shape.finish(fill=(0.16, 0.38, 0.55), color=(0.1, 0.2, 0.3), width=0.5)
        shape.insert_text((left, box.y1 + 11), MONTHS[index], fontname="helv", fontsize=7.5)
    for nights in range(0, 17, 4):
        height = box.y1 - nights * scale
        shape.draw_line((box.x0 - 4, height), (box.x0, height))
        shape.insert_text((box.x0 - 16, height + 3), f"{nights:2d}", fontname="helv", fontsize=7.5)
    shape.draw_polyline([(box.x0, box.y0), (box.x0, box.y1), (box.x1, box.y1)])
    shape.finish(color=(0, 0, 0), width=0.8, closePath=False)
    shape.commit()


def report() -> bytes:
    """The report as PDF bytes."""
    document = flow(REPORT, A4, _boxes, STYLE)
    first = document[0]
    first.draw_line((70, 742), (180, 742), width=0.5)
    put(first, pymupdf.Rect(70, 745, 525, 770), FOOTNOTE)
    figure = document[FIGURE_PAGE - 1]
    photograph = pictures.jpeg(pictures.night_sky(), quality=72)
    figure.insert_image(pymupdf.Rect(130, 530, 466, 740), stream=photograph)
    put(figure, pymupdf.Rect(130, 744, 466, 772), FIGURE_CAPTION)
    chart = document[CHART_PAGE - 1]
    _draw_chart(chart, pymupdf.Rect(110, 560, 490, 725))
    put(chart, pymupdf.Rect(110, 746, 490, 765), CHART_CAPTION)
    running_lines(
        document,
        "Kestrel Fell Observatory - Annual Report 2024",
        "Page {page} of {pages}",
        margin=70,
    )
    return finish(document, TITLE)
