"""Which way a page takes."""

import pytest

from assets.pages.records import Line, Span
from assets.pages.routing.route import Picture, Route, choose, holds_unread_text
from assets.pages.routing.soundness import is_sound, unsound_share

PAGE = (0.0, 0.0, 600.0, 800.0)
STAMP = (20.0, 10.0, 200.0, 22.0)
BODY = (100.0, 300.0, 500.0, 312.0)


def line(text: str, box: tuple[float, float, float, float] = BODY) -> Line:
    return Line(box, (Span(text),), 10.0)


def test_routes() -> None:
    scan = [PAGE]
    long_text = [line("word " * 20, BODY) for _ in range(20)]
    assert choose([], [], PAGE, has_marks=False).route is Route.BLANK
    assert choose([], scan, PAGE, has_marks=True).route is Route.OCR
    assert choose(long_text, [], PAGE, has_marks=True).route is Route.TEXT_LAYER
    assert choose([line("\ufffd" * 30)], [], PAGE, has_marks=True).route is Route.OCR


def test_a_stamp_on_a_scan_does_not_hide_the_scan() -> None:
    choice = choose([line("Received 4 May", STAMP)], [PAGE], PAGE, has_marks=True)
    assert choice.route is Route.MIXED
    assert choice.regions == (PAGE,)


def test_an_old_ocr_layer_under_a_scan_is_a_text_layer() -> None:
    layer = [line("A title page of few words", BODY)]
    assert choose(layer, [PAGE], PAGE, has_marks=True).route is Route.TEXT_LAYER


def test_a_figure_is_no_scan() -> None:
    figure = (50.0, 100.0, 550.0, 600.0)
    choice = choose([line("Figure 1", STAMP)], [figure], PAGE, has_marks=True)
    assert choice.route is Route.TEXT_LAYER
    assert [picture.box for picture in choice.pictures] == [figure]


def test_pictures_that_may_hold_text_are_looked_at() -> None:
    long_text = [line("word " * 20, (20, 20 + 12 * i, 590, 30 + 12 * i)) for i in range(20)]
    below, icon, under_text = (50, 500, 550, 700), (560, 780, 590, 790), (10, 10, 600, 300)
    choice = choose(long_text, [icon, below, under_text], PAGE, has_marks=True)
    assert choice.route is Route.TEXT_LAYER
    assert [picture.box for picture in choice.pictures] == [below]
    assert holds_unread_text(choice.pictures[0], n_marks=100)
    assert not holds_unread_text(Picture(below, n_chars_over=90), n_marks=100)


def test_odd_characters_are_a_doubt_and_not_a_verdict() -> None:
    choice = choose([line("7KH DUFKLYH NHHSV RQH FRS\\ RI HYHU\\ " * 4)], [], PAGE, has_marks=True)
    assert choice.route is Route.TEXT_LAYER
    assert choice.doubt


def test_words_written_backwards_are_a_fault() -> None:
    words = " ".join(w[::-1] for w in ("مدينة", "سنة", "جميلة", "كبيرة"))
    choice = choose([line(words)], [], PAGE, has_marks=True)
    assert choice.route is Route.OCR
    assert choice.fault


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("Plain English.", True),
        ("Ελληνικά, 中文, العربية, हिन्दी", True),
        ("x" * 98 + "\ufffd" * 2, False),
        ("x" * 99 + "\ue000", True),
        ("\x01\x02\x03 abc", False),
    ],
)
def test_soundness(text: str, sound: bool) -> None:
    assert is_sound(text) is sound


def test_the_bullets_of_word_processors_do_not_make_a_page_unsound() -> None:
    lines = [line("\uf0b7 item") for _ in range(10)]
    assert choose(lines, [], PAGE, has_marks=True).route is Route.TEXT_LAYER
    assert unsound_share("\uf0b7 item") > 0.02


def test_pictures_of_one_line_are_looked_at_together_where_they_follow_each_other() -> None:
    long_text = [line("word " * 20, (20, 420 + 12 * i, 590, 430 + 12 * i)) for i in range(20)]
    entries = [(80, 100 + 18 * i, 540, 109 + 18 * i) for i in range(3)]
    apart, rule, logo = (80, 250, 540, 260), (80, 300, 540, 303), (20, 10, 60, 20)
    choice = choose(long_text, [*entries, apart, rule, logo], PAGE, has_marks=True)
    assert choice.pictures == (Picture((80, 100, 540, 145), 0, True), Picture(apart, 0, True))
