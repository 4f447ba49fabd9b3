"""Samples that hold more than pages: a filled form with comments, an attachment, a portfolio.

Not here: documents whose text is all on their pages.
"""

from __future__ import annotations

from typing import Final

import pymupdf

from resources.samples.typeset import A5, MADE_AT, finish, inset, single

FORM: Final = """
<h1>Loan of Equipment</h1>
<p>Fill in every line. Equipment is lent for fourteen days and comes back clean. The borrower pays
for what is lost, and the workshop pays for what was worn out already.</p>
<p style="margin-top: 26px">Borrower</p>
<p style="margin-top: 22px">Equipment</p>
<p style="margin-top: 22px">Days</p>
<p style="margin-top: 22px">Instruction received</p>
<p style="margin-top: 30px">The steward keeps this form for one year and then burns it. Presses that
weigh more than forty kilograms are not lent at all, because two have been dropped.</p>
"""
COMMENT: Final = "Returned two days late, but cleaner than it left. No charge. R. C."
REMARK: Final = "Should we say thirty kilograms instead?"

FIELD_NOTE: Final = """
<h1>Swifts Over the Tannery</h1>
<p class="by">Field note 12, counted by the Saturday group</p>
<p>Swifts were counted over the old tannery on ten evenings between 6 May and 11 July. The largest
flock, of 64 birds, was seen on 27 June in still air after rain. Numbers on windy evenings were
less than half of those on calm ones, whatever the temperature.</p>
<p>At least nineteen pairs bred under the eaves, two more than last year. The nest boxes on the
north
wall were used for the first time, five years after they were put up. The owner has agreed to leave
the roof alone until the birds have gone, which is usually in the first week of August.</p>
<p>All counts are in the table that is attached to this note as a file.</p>
"""
COUNTS: Final = """date,birds,wind
2024-05-06,11,calm
2024-05-13,17,light
2024-05-21,9,strong
2024-05-28,26,calm
2024-06-04,31,calm
2024-06-11,14,strong
2024-06-19,38,light
2024-06-27,64,calm
2024-07-04,41,light
2024-07-11,29,strong
"""

COVER: Final = """
<p>For the best experience, open this PDF portfolio in a viewer that can show the files it
holds.</p>
"""


def _add_field(page: pymupdf.Page, name: str, kind: int, top: float, value: object) -> None:
    field = pymupdf.Widget()
    field.field_name = name
    field.field_type = kind
    tick = kind == pymupdf.PDF_WIDGET_TYPE_CHECKBOX
    field.rect = pymupdf.Rect(190, top, 206 if tick else 366, top + 16)
    field.text_fontsize = 10
    field.border_color = (0.4, 0.4, 0.4)
    field.border_width = 0.5
    if kind == pymupdf.PDF_WIDGET_TYPE_COMBOBOX:
        field.choice_values = ["3", "7", "14"]
    field.field_value = value
    page.add_widget(field)


def _date(document: pymupdf.Document, xref: int) -> None:
    """Take the clock out of an annotation, which MuPDF stamps with the time of day."""
    for key in ("M", "CreationDate"):
        document.xref_set_key(xref, key, f"({MADE_AT})")


def form() -> bytes:
    """A form with four filled fields, a comment and a highlighted remark."""
    document = single(FORM, A5, inset(A5, 44))
    page = document[0]
    rows = {word: page.search_for(word)[-1].y0 + 1 for word in ("Borrower", "Days")}
    equipment = page.search_for("Equipment")[-1].y0 + 1
    tick = page.search_for("Instruction received")[0].y0 + 1
    _add_field(page, "borrower", pymupdf.PDF_WIDGET_TYPE_TEXT, rows["Borrower"], "Ada Merriman")
    _add_field(page, "equipment", pymupdf.PDF_WIDGET_TYPE_TEXT, equipment, "Nipping press, No. 3")
    _add_field(page, "days", pymupdf.PDF_WIDGET_TYPE_COMBOBOX, rows["Days"], "14")
    _add_field(page, "instructed", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, tick, value=True)
    comment = page.add_text_annot((380, 60), COMMENT)
    comment.set_info(title="Steward")
    comment.update()
    remark = page.add_highlight_annot(page.search_for("forty kilograms"))
    remark.set_info(title="Treasurer", content=REMARK)
    remark.update()
    for annotation in page.annots():
        _date(document, annotation.xref)
    return finish(document, "Loan of Equipment")


def _embed(document: pymupdf.Document, name: str, data: bytes, note: str) -> None:
    document.embfile_add(name, data, desc=note)
    for xref in range(1, document.xref_length()):
        if document.xref_get_key(xref, "Type")[1] == "/EmbeddedFile":
            document.xref_set_key(xref, "Params/CreationDate", f"({MADE_AT})")
            document.xref_set_key(xref, "Params/ModDate", f"({MADE_AT})")


def attachment() -> bytes:
    """A page of text with a table attached as a file."""
    document = single(FIELD_NOTE, A5, inset(A5, 44))
    _embed(document, "swift-counts.csv", COUNTS.encode("ascii"), "Swifts counted by evening")
    return finish(document, "Swifts Over the Tannery")


def portfolio(inner: bytes) -> bytes:
    """A portfolio: its only page tells the reader to use another viewer; `inner` is the content."""
    document = single(COVER, A5, inset(A5, 44))
    _embed(document, "minutes.pdf", inner, "Minutes of the meeting")
    document.xref_set_key(document.pdf_catalog(), "Collection", "<</Type/Collection/View/T>>")
    return finish(document, "Portfolio of the spring meeting")
