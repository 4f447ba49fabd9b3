"""Pictures drawn to measure how well text in pictures is told from figures.

Here: pages of one picture each, of text (many faces, sizes, spacings, frames, wear) and of figures
with some text (plots, charts, maps, dialogues, photographs), and of single lines beside ornaments
as thin. Not here: what is measured on them.
"""

from __future__ import annotations

import io
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Final

import pymupdf
from PIL import Image, ImageFilter

from resources.samples import pictures

TEXT: Final = """
the archive keeps one copy of every report and each has a number date shelf whoever takes it
writes line into book crosses out on return when pressure falls below limit close valve
before pump starts check that both lamps are lit then call station by radio within minutes
temperature reading 14 27 3.5 120 percent of total amount due under section
"""
WORDS: Final = tuple(re.findall(r"\S+", TEXT))
CHINESE: Final = "档案室保存每份报告的一个副本每个副本有编号日期和架位借阅者须在簿上登记归还时划去"
FACES: Final = ("serif", "sans-serif", "monospace")
SCREEN_GREY: Final = (0.85, 0.85, 0.87)
Drawing = Callable[[pymupdf.Page, random.Random], None]


def text_pages(count: int, seed: int = 1) -> Iterator[pymupdf.Page]:
    """Pages that are one picture of text, as scanned, faxed or exported."""
    rng = random.Random(seed)
    for number in range(count):
        sheet = _sheet(rng.uniform(180, 480), rng.uniform(70, 500))
        _text(sheet, rng, number)
        yield _as_picture(sheet, rng)


def figure_pages(count: int, seed: int = 2) -> Iterator[pymupdf.Page]:
    """Pages that are one figure: what text there is labels it."""
    rng = random.Random(seed)
    kinds: tuple[Drawing, ...] = (_plot, _bars, _map, _dialogue, _flow, _panels)
    for number in range(count):
        if number % 7 == 6:
            yield _photograph(rng)
            continue
        sheet = _sheet(rng.uniform(180, 480), rng.uniform(120, 360))
        kinds[number % 7](sheet, rng)
        yield _as_picture(sheet, rng)


def strip_pages(count: int, seed: int = 5) -> Iterator[pymupdf.Page]:
    """Pages that are one line of text as a picture, some of them an entry of a contents list."""
    rng = random.Random(seed)
    for number in range(count):
        size = rng.uniform(7, 13)
        sheet = _sheet(rng.uniform(16 * size, 480), size * rng.uniform(1.0, 1.7))
        base, x = sheet.rect.height * 0.5 + size * 0.33, rng.uniform(0, 6)
        font = rng.choice(["helv", "tiro", "cour", "hebo"])
        room = sheet.rect.width - 12
        line = _cut(" ".join(rng.choice(WORDS) for _ in range(30)), font, size, room)
        if number % 3 == 0:
            words = _cut(line, font, size, room * rng.uniform(0.3, 0.8))
            page = str(rng.randint(1, 300))
            width = pymupdf.get_text_length(words + " " + page, font, size)
            n_dots = (room - width) / pymupdf.get_text_length(".", font, size)
            line = words + "." * int(n_dots) + page
        sheet.insert_text((x, base), line, fontsize=size, fontname=font)
        yield _as_picture(sheet, rng, skew=0.1)


def ornament_pages(count: int, seed: int = 6) -> Iterator[pymupdf.Page]:
    """Pages as thin that are no text: rules, scales, rows of signs, short names, photographs."""
    rng = random.Random(seed)
    kinds: tuple[Drawing, ...] = (_rule, _scale, _signs, _name, _bar_code, _wave)
    for number in range(count):
        sheet = _sheet(rng.uniform(100, 480), rng.uniform(7, 23))
        if number % 7 == 6:
            strip = _photograph(rng).get_pixmap(clip=(0, 80, 320, 80 + rng.uniform(7, 23)))
            sheet.insert_image(sheet.rect, pixmap=strip, keep_proportion=False)
        else:
            kinds[number % 7](sheet, rng)
        yield _as_picture(sheet, rng, skew=0.1)


def prose_pages(count: int, seed: int = 4) -> Iterator[pymupdf.Page]:
    """Pages of prose with a text layer of their own."""
    rng = random.Random(seed)
    for number in range(count):
        sheet = _sheet(rng.uniform(300, 480), rng.uniform(200, 500))
        _text(sheet, rng, number)
        yield sheet


def _sheet(width: float, height: float) -> pymupdf.Page:
    return pymupdf.open().new_page(width=width, height=height)


def _inset(page: pymupdf.Page, margin: float) -> pymupdf.Rect:
    return pymupdf.Rect(margin, margin, page.rect.width - margin, page.rect.height - margin)


def _text(page: pymupdf.Page, rng: random.Random, number: int) -> None:
    size, spacing, margin = rng.uniform(7, 13), rng.uniform(1.0, 1.5), rng.uniform(4, 24)
    face, align = rng.choice(FACES), rng.choice(["left", "justify"])
    n_chars = int(1.1 * page.rect.width * page.rect.height / size**2 / spacing)
    style = f"font-family:{face};font-size:{size}px;line-height:{spacing};text-align:{align}"
    box = _inset(page, margin)
    spare = -1.0
    while spare < 0:  # nothing is written when it does not fit
        body = _words(rng, n_chars, chinese=number % 8 == 7)
        spare, _ = page.insert_htmlbox(box, f'<div style="{style}">{body}</div>', scale_low=0.7)
        n_chars = int(n_chars * 0.8)
    if number % 3 == 0:
        page.draw_rect(_inset(page, 2), width=rng.uniform(0.5, 1.5))


def _words(rng: random.Random, n_chars: int, *, chinese: bool) -> str:
    if chinese:
        lines = [rng.sample(CHINESE, rng.randint(8, 25)) for _ in range(n_chars // 40 + 3)]
        return "。".join("".join(line) for line in lines)
    paragraphs, words = [], [rng.choice(WORDS) for _ in range(max(20, n_chars // 6))]
    while words:
        cut = rng.randint(15, 60)
        paragraphs.append(" ".join(words[:cut]).capitalize() + ".")
        words = words[cut:]
    return "".join(f"<p>{p}</p>" for p in paragraphs)


def _label(page: pymupdf.Page, rng: random.Random, x: float, y: float, n_words: int = 1) -> None:
    text = " ".join(rng.choice(WORDS) for _ in range(n_words))
    page.insert_text((x, y), text, fontsize=rng.uniform(6, 10))


def _axes(page: pymupdf.Page, rng: random.Random) -> pymupdf.Rect:
    box = pymupdf.Rect(36, 24, page.rect.width - 12, page.rect.height - 28)
    page.draw_rect(box, width=0.7)
    for i in range(rng.randint(4, 12)):
        page.insert_text((box.x0 + 26 * i, box.y1 + 10), str(i * 20), fontsize=7)
        page.insert_text((8, max(box.y0 + 6, box.y1 - 24 * i)), f"{i * 0.5:.1f}", fontsize=7)
    _label(page, rng, box.x0 + 20, 14, rng.randint(2, 6))
    _label(page, rng, box.x0 + 60, page.rect.height - 5, rng.randint(1, 3))
    return box


def _plot(page: pymupdf.Page, rng: random.Random) -> None:
    box = _axes(page, rng)
    for _ in range(rng.randint(1, 4)):
        phase, points = rng.uniform(0, 6), []
        for i in range(60):
            wave = math.sin(phase + i / rng.uniform(6, 8)) * 0.4 + 0.5
            points.append((box.x0 + box.width * i / 60, box.y1 - box.height * wave))
        page.draw_polyline(points, width=rng.uniform(0.6, 1.6))
        for point in points[:: rng.randint(1, 4)]:
            page.draw_circle(point, 2)
    for i in range(rng.randint(0, 5)):
        _label(page, rng, box.x1 - 80, box.y0 + 14 + 11 * i, rng.randint(1, 2))


def _bars(page: pymupdf.Page, rng: random.Random) -> None:
    box = _axes(page, rng)
    wide = box.width / 12
    for i in range(10):
        bar = (box.x0 + i * wide + 4, box.y1 - box.height * rng.random(), 0, box.y1)
        page.draw_rect((bar[0], bar[1], bar[0] + wide * 0.7, bar[3]), fill=(0.3, 0.4, rng.random()))
        _label(page, rng, bar[0], bar[1] - 2)


def _map(page: pymupdf.Page, rng: random.Random) -> None:
    for _ in range(rng.randint(8, 20)):
        x, y, line = rng.uniform(0, page.rect.width), rng.uniform(0, page.rect.height), []
        for _ in range(40):
            x, y = x + rng.uniform(-9, 10), y + rng.uniform(-9, 10)
            line.append((x, y))
        page.draw_polyline(line, width=rng.uniform(0.4, 1.5))
    for _ in range(rng.randint(8, 30)):
        x, y = rng.uniform(0, page.rect.width - 40), rng.uniform(10, page.rect.height)
        _label(page, rng, x, y, rng.randint(1, 2))


def _dialogue(page: pymupdf.Page, rng: random.Random) -> None:
    page.draw_rect(page.rect, fill=SCREEN_GREY, color=(0.4, 0.4, 0.5))
    page.draw_rect((0, 0, page.rect.width, 16), fill=(0.2, 0.3, 0.6))
    for i in range(int(page.rect.height / rng.uniform(22, 40)) - 1):
        y = 34 + i * 26
        _label(page, rng, 12, y, rng.randint(1, 4))
        page.draw_rect((page.rect.width * 0.5, y - 10, page.rect.width - 20, y + 4), fill=(1, 1, 1))
        if rng.random() < 0.5:
            _label(page, rng, page.rect.width * 0.5 + 4, y, rng.randint(1, 3))


def _flow(page: pymupdf.Page, rng: random.Random) -> None:
    for y in range(20, int(page.rect.height) - 40, 56):
        for x in range(14, int(page.rect.width) - 90, 110):
            page.draw_rect((x, y, x + 86, y + 34), fill=(0.9, 0.93, 1), width=1)
            for row in range(rng.randint(1, 2)):
                _label(page, rng, x + 5, y + 13 + 12 * row, rng.randint(1, 2))
            page.draw_line((x + 86, y + 17), (x + 110, y + 17), width=1)


def _panels(page: pymupdf.Page, rng: random.Random) -> None:
    for y in range(18, int(page.rect.height) - 30, 60):
        for x in range(10, int(page.rect.width) - 40, 60):
            shade = rng.random()
            page.draw_rect((x, y, x + 50, y + 44), fill=(shade, rng.random(), shade))
            _label(page, rng, x, y - 3, rng.randint(1, 2))


def _cut(text: str, font: str, size: float, room: float) -> str:
    """As much of the beginning of a text as fits."""
    while len(text) > 12 and pymupdf.get_text_length(text, font, size) > room:
        text = text[:-1]
    return text


def _rule(page: pymupdf.Page, rng: random.Random) -> None:
    middle, dashes = page.rect.height / 2, rng.choice(["[4 4] 0", "[1 3] 0", "[9 3] 0", "[] 0"])
    start, end = (0, middle), (page.rect.width, middle)
    page.draw_line(start, end, width=rng.uniform(1, page.rect.height), dashes=dashes)


def _scale(page: pymupdf.Page, rng: random.Random) -> None:
    n_steps = rng.randint(5, 12)
    wide = page.rect.width / n_steps
    for i in range(n_steps):
        box = (i * wide, 0, (i + 1) * wide, page.rect.height * 0.5)
        page.draw_rect(box, fill=(i / n_steps, rng.random(), 1 - i / n_steps), width=0.3)
        page.insert_text((i * wide + 2, page.rect.height - 1), f"{i * 10}", fontsize=6)


def _signs(page: pymupdf.Page, rng: random.Random) -> None:
    high, kind = page.rect.height, rng.randrange(3)
    for i in range(int(page.rect.width / high / 1.2)):
        x = high * (0.6 + 1.2 * i)
        if kind == 0:
            page.draw_circle((x, high / 2), high * 0.4, fill=(0.1, 0.1, 0.5))
        elif kind == 1:
            page.draw_rect((x, high * 0.2, x + high * 0.6, high * 0.8), width=1)
        else:
            page.draw_polyline([(x, high), (x + high * 0.3, 0), (x + high * 0.6, high)], width=1)


def _name(page: pymupdf.Page, rng: random.Random) -> None:
    high = page.rect.height
    page.draw_circle((high / 2, high / 2), high * 0.4, fill=(0.7, 0.2, 0.1))
    name = rng.choice(["ACME", "Northern", "Pump & Co", "Archive"])
    page.insert_text((high * 1.2, high * 0.8), name, fontsize=high * 0.7)


def _bar_code(page: pymupdf.Page, rng: random.Random) -> None:
    x = 2.0
    while x < page.rect.width - 4:
        wide = rng.choice([0.6, 1.2, 1.8])
        page.draw_rect((x, 1, x + wide, page.rect.height - 1), fill=(0, 0, 0), width=0)
        x += wide + rng.choice([0.8, 1.4, 2.2])


def _wave(page: pymupdf.Page, rng: random.Random) -> None:
    high, step = page.rect.height, rng.uniform(0.8, 4)
    points = [(i * step, high * rng.uniform(0.1, 0.9)) for i in range(int(page.rect.width / step))]
    page.draw_polyline(points, width=0.6)


def _photograph(rng: random.Random) -> pymupdf.Page:
    draw = rng.choice([pictures.night_sky, pictures.fibres])
    page = _sheet(320, 220)
    page.insert_image(page.rect, stream=_encoded(draw(seed=rng.randint(1, 999)), "JPEG", 80))
    return page


def _as_picture(sheet: pymupdf.Page, rng: random.Random, skew: float = 0.7) -> pymupdf.Page:
    """The sheet as one raster: clean, grey and noisy, faxed in one bit, or compressed hard."""
    pixmap = sheet.get_pixmap(dpi=rng.choice([100, 150, 200, 300]))
    image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    match rng.randrange(5):
        case 0:
            stream = _encoded(image, "PNG")
        case 1:
            stream = _encoded(image.convert("L").point(lambda v: 255 * (v > 150)), "PNG")
        case 2:
            stream = _encoded(image.filter(ImageFilter.GaussianBlur(0.6)), "JPEG", 40)
        case 3:
            noise = Image.effect_noise(image.size, 30).convert("RGB")
            stream = _encoded(Image.blend(image, noise, 0.12), "JPEG", 70)
        case _:
            stream = _encoded(image.rotate(rng.uniform(-skew, skew), fillcolor="white"), "JPEG", 60)
    page = _sheet(sheet.rect.width, sheet.rect.height)
    page.insert_image(page.rect, stream=stream)
    return page


def _encoded(image: Image.Image, kind: str, quality: int = 75) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    return stream.getvalue()
