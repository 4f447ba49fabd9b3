"""The images worker: a row for every placement, bytes once, failures in their place."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from assets.images.extract import extract_images
from assets.images.placements import placed_images
from assets.images.roles import propose_pictures
from resources.errors import DocumentError
from resources.workers.documents import hash_file

RGB = "/Width 64 /Height 48 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode "
COLUMNS = {
    "page_number", "image_index", "sha256", "role", "bbox", "width", "height", "format",
    "n_bytes", "status", "error_class", "error",
}  # fmt: skip
Rows = list[tuple[dict[str, Any], bytes | None]]


def extract(path: Path, *, source: str = "text_layer", **options: Any) -> Rows:
    """Rows of a document whose picture blocks are what its placements propose."""
    pages = []
    with pymupdf.open(path) as document:
        for page in document:
            placements = [placed.placement for placed in placed_images(page)]
            pictures, following = [], len(placements)
            for picture in propose_pictures(placements, page.rect.width, page.rect.height, source):
                index = picture.image_index
                if index is None:
                    index, following = following, following + 1
                pictures.append(block(index, picture.bbox))
            pages.append({"page_number": page.number + 1, "source": source, "pictures": pictures})
    return run(path, pages, **options)


def run(path: Path, pages: list[Any], **options: Any) -> Rows:
    payload = {"path": str(path), "passwords": [], "doc_id": None, "pages": pages, **options}
    return list(extract_images(payload, lambda _: None))  # type: ignore[arg-type]


def block(index: int | None, box: tuple[float, ...]) -> dict[str, Any]:
    return {"image_index": index, "bbox": dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))}


def request(*pictures: dict[str, Any], number: int = 1, source: str = "text_layer") -> Any:
    return {"page_number": number, "source": source, "pictures": list(pictures)}


@pytest.fixture
def stream(photo: Image.Image) -> tuple[str, bytes]:
    return RGB, zlib.compress(photo.tobytes())


@pytest.fixture
def report(tmp_path: Path, photo: Image.Image) -> Path:
    """Three pages with the same figure, one of them with a vector drawing below it."""
    png = io.BytesIO()
    photo.resize((320, 240)).save(png, "PNG")
    document = pymupdf.open()
    for _ in range(3):
        page = document.new_page()
        page.insert_text((72, 60), "A figure follows.")
        page.insert_image(pymupdf.Rect(72, 100, 392, 340), stream=png.getvalue())
        page.draw_circle((200, 500), 60, color=(1, 0, 0), fill=(0, 0, 1))
    path = tmp_path / "report.pdf"
    document.save(path)
    return path


def test_a_row_has_the_columns_of_the_table_and_its_bytes_their_hash(report: Path) -> None:
    rows = extract(report)
    for row, data in rows:
        assert set(row) == COLUMNS
        json.dumps(row, allow_nan=False)
        if data is not None:
            image = Image.open(io.BytesIO(data))
            image.load()
            assert hashlib.sha256(data).hexdigest() == row["sha256"]
            assert image.size == (row["width"], row["height"])
            assert image.format == row["format"].upper()
            assert len(data) == row["n_bytes"]


def test_the_bytes_of_a_repeated_image_come_once(report: Path) -> None:
    rows = extract(report)
    assert [row["page_number"] for row, _ in rows] == [1, 2, 3]
    assert {row["status"] for row, _ in rows} == {"ok"}
    assert len({row["sha256"] for row, _ in rows}) == 1
    assert [data is not None for _, data in rows] == [True, False, False]


def test_slices_give_the_same_rows_and_bytes(report: Path) -> None:
    whole = extract(report)
    numbers = [request(block(0, (72, 100, 392, 340)), number=n) for n in (1, 2, 3)]
    sliced = [run(report, [page])[0] for page in numbers]
    assert [row for row, _ in sliced] == [row for row, _ in whole]
    assert {data for _, data in sliced} == {whole[0][1]}


def test_a_drawing_is_rendered_at_150_dpi(report: Path, difference: Any) -> None:
    box = (130.0, 430.0, 270.0, 570.0)
    rows = run(report, [request(block(1, box))])
    (row, data), (image, _) = rows[1], rows[0]
    assert (row["image_index"], row["role"], row["status"], row["format"]) == (
        1, "figure", "ok", "png",
    )  # fmt: skip
    assert row["width"] == pytest.approx(140 * 150 / 72, abs=2)
    assert image["role"] == "decoration"
    assert data is not None
    with pymupdf.open(report) as document:
        assert difference(document[0], box, data) < 0.03


def test_tiles_are_parts_and_their_picture_is_one_figure(
    stream: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    content = b"".join(
        b"q 60 0 0 45 %d %d cm /I0 Do Q " % (x, y) for x in (20, 80) for y in (20, 65)
    )
    rows = [row for row, _ in extract(write_pdf(stream, content=content))]
    assert [(row["role"], row["status"]) for row in rows] == [("part", "skipped")] * 4 + [
        ("figure", "ok")
    ]
    assert rows[4]["image_index"] == 4
    assert rows[4]["width"] == pytest.approx(2 * 2 * 64, abs=2)  # twice the dots of two tiles


@pytest.mark.parametrize(("keep_scans", "status"), [(False, "skipped"), (True, "ok")])
def test_a_page_scan_keeps_its_row_and_its_bytes_on_request(
    keep_scans: bool, status: str, stream: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    path = write_pdf(stream, content=b"q 200 0 0 150 0 0 cm /I0 Do Q")
    ((row, data),) = extract(path, source="ocr", keep_scans=keep_scans)
    assert (row["role"], row["status"], row["image_index"]) == ("page_scan", status, 0)
    assert (data is not None) == keep_scans
    assert (row["sha256"] is not None) == keep_scans


@pytest.mark.parametrize(
    "content",
    [
        b"q 200 0 0 150 0 0 cm /I0 Do Q BT /F 12 Tf 3 Tr 20 20 Td (hidden text) Tj ET",
        b"BT /F 12 Tf 20 20 Td (text beneath) Tj ET q 200 0 0 150 0 0 cm /I0 Do Q",
    ],
    ids=["invisible", "beneath"],
)
def test_a_scan_with_a_hidden_text_layer_is_a_page_scan(
    content: bytes, stream: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    ((row, _),) = extract(write_pdf(stream, content=content))
    assert row["role"] == "page_scan"


def test_a_background_under_visible_text_is_a_figure(
    stream: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    content = b"q 200 0 0 150 0 0 cm /I0 Do Q BT /F 12 Tf 20 20 Td (title) Tj ET"
    ((row, _),) = extract(write_pdf(stream, content=content))
    assert row["role"] == "figure"


def test_an_inline_image_is_stored(write_pdf: Callable[..., Path], difference: Any) -> None:
    pixels = bytes(range(0, 256, 4)) * 64
    content = b"q 128 0 0 96 40 30 cm BI /W 64 /H 64 /CS /G /BPC 8 ID " + pixels + b" EI Q"
    path = write_pdf(content=content)
    ((row, data),) = extract(path)
    assert (row["status"], row["width"], row["height"]) == ("ok", 64, 64)
    assert data is not None
    with pymupdf.open(path) as document:
        assert difference(document[0], tuple(row["bbox"].values()), data) < 0.03


def test_a_stencil_is_stored_in_the_colour_it_is_painted_in(
    write_pdf: Callable[..., Path], difference: Any
) -> None:
    stencil = ("/Width 64 /Height 64 /ImageMask true /BitsPerComponent 1", b"\x0f" * 512)
    path = write_pdf(stencil, content=b"1 0 0 rg q 128 0 0 96 40 30 cm /I0 Do Q")
    ((row, data),) = extract(path)
    assert data is not None
    colours = Image.open(io.BytesIO(data)).convert("RGB").getcolors(1000) or []
    assert (255, 0, 0) in {colour for _, colour in colours}
    with pymupdf.open(path) as document:
        assert difference(document[0], tuple(row["bbox"].values()), data) < 0.05


@pytest.mark.parametrize(
    ("filter_", "data"),
    [
        ("/DCTDecode", b"\xff\xd8 no jpeg \xff\xd9"),
        ("/DCTDecode", b""),
        ("/FlateDecode", b"rubbish" * 10),
        ("/CCITTFaxDecode", b""),
        ("/JBIG2Decode", b"rubbish" * 10),
    ],
)
def test_a_broken_image_fails_alone_each_time_it_is_drawn(
    filter_: str, data: bytes, stream: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    depth = 8 if filter_ in ("/DCTDecode", "/FlateDecode") else 1
    entries = f"/Width 640 /Height 480 /ColorSpace /DeviceGray /BitsPerComponent {depth}"
    broken = (f"{entries} /Filter {filter_}", data)
    content = b"".join(
        b"q 60 0 0 60 %d 0 cm /I%d Do Q " % (x, i) for x, i in ((0, 0), (66, 1), (132, 0))
    )
    first, (good, stored), again = extract(write_pdf(broken, stream, content=content))
    for row, nothing in (first, again):
        assert (row["status"], row["error_class"], nothing) == ("failed", "image_failed", None)
        assert row["error"]
        assert row["bbox"] is not None
    assert (good["status"], stored is not None) == ("ok", True)


def test_what_is_left_of_a_cut_jpeg_is_kept_and_decodes(
    photo: Image.Image, write_pdf: Callable[..., Path]
) -> None:
    jpeg = io.BytesIO()
    photo.resize((640, 480)).save(jpeg, "JPEG")
    half = jpeg.getvalue()[: jpeg.tell() // 2]
    entries = "/Width 640 /Height 480 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    ((row, data),) = extract(write_pdf((entries + " /Filter /DCTDecode", half)))
    assert row["status"] == "ok"
    assert data is not None
    Image.open(io.BytesIO(data)).load()


def test_a_picture_outside_the_page_fails_alone(report: Path) -> None:
    rows = run(report, [request(block(0, (72, 100, 392, 340)), block(1, (900, 900, 950, 950)))])
    assert [(row["status"], row["error_class"]) for row, _ in rows] == [
        ("ok", None),
        ("failed", "image_failed"),
    ]


def test_a_page_that_cannot_be_had_is_one_failed_row_and_the_others_go_on(report: Path) -> None:
    figure = block(0, (72, 100, 392, 340))
    rows = [row for row, _ in run(report, [request(number=99), request(figure, number=2)])]
    assert [(r["page_number"], r["image_index"], r["status"], r["error_class"]) for r in rows] == [
        (99, 0, "failed", "unreadable"),
        (2, 0, "ok", None),
    ]


def test_a_document_that_changed_is_refused(report: Path) -> None:
    sha256, _ = hash_file(str(report))
    assert run(report, [request()], doc_id=sha256)
    with pytest.raises(DocumentError) as caught:
        run(report, [request()], doc_id="0" * 64)
    assert caught.value.error_class == "source_changed"


def test_progress_is_told_for_every_page(report: Path) -> None:
    seen: list[int] = []
    pages = [request(number=n) for n in (2, 3)]
    payload: Any = {"path": str(report), "passwords": [], "doc_id": None, "pages": pages}
    list(extract_images(payload, seen.append))
    assert set(seen) == {2, 3}
    assert seen[0] == 2
