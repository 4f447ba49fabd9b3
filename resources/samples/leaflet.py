"""The leaflet: pictures in encodings that no browser shows (CMYK JPEG, JPEG 2000).

Not here: figures that are stored as they come (`observatory.py`).
"""

from __future__ import annotations

import io
from typing import Final

import pymupdf
from PIL import Image

from resources.samples import pictures
from resources.samples.typeset import A5, finish, put, single

TEXT: Final = """
<h1>Marbled Papers</h1>
<p class="by">A small exhibition in the old paste room</p>
<p>Marbling floats colour on a bath of thickened water and lifts it off with a sheet of paper. No
two
sheets are alike, and a pattern that is spoiled cannot be mended. The exhibition shows forty
papers made between 1790 and 1920, most of them taken from the boards of account books.</p>
<p>The colours are ground with ox gall, which makes them spread. Too little gall and the drop sinks;
too much and it drives its neighbours off the bath. The room is open from ten until four.</p>
"""
FIRST_CAPTION: Final = '<p class="caption"><b>Figure 1.</b> A combed pattern, about 1840.</p>'
SECOND_CAPTION: Final = '<p class="caption"><b>Figure 2.</b> A vein pattern, about 1875.</p>'


def _jpeg_2000(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG2000", quality_mode="rates", quality_layers=[24])
    return buffer.getvalue()


def leaflet() -> bytes:
    """One page with a CMYK JPEG and a JPEG 2000 image."""
    document = single(TEXT, A5, pymupdf.Rect(44, 44, 376, 310))
    page = document[0]
    printed = pictures.jpeg(pictures.marbling().convert("CMYK"), quality=60)
    page.insert_image(pymupdf.Rect(44, 330, 205, 445), stream=printed)
    put(page, pymupdf.Rect(44, 450, 205, 480), FIRST_CAPTION)
    page.insert_image(
        pymupdf.Rect(215, 330, 376, 445), stream=_jpeg_2000(pictures.marbling(seed=41))
    )
    put(page, pymupdf.Rect(215, 450, 376, 480), SECOND_CAPTION)
    return finish(document, "Marbled Papers")
