"""Running headers and footers go; everything that only looks like one stays."""

from __future__ import annotations

from tests.assets.docs.making import SHA, block, image, page, stitched

TOP, MIDDLE, BOTTOM = 20.0, 300.0, 770.0


def body(number: int) -> dict[str, object]:
    return block("text", f"{'abcdefghijklmnopqrstuvwxyz'[number % 26]} body.", y=MIDDLE)


def test_page_numbers_and_running_titles_go() -> None:
    record = stitched(
        *(
            page(
                n,
                block("text", "A Report on Pumps", y=TOP),
                body(n),
                block("footer", f"Page {n} of 5", y=BOTTOM),
            )
            for n in range(1, 6)
        )
    )
    assert "Report" not in record.markdown
    assert "Page" not in record.markdown
    assert record.markdown.count("body") == 5


def test_headers_that_alternate_go() -> None:
    record = stitched(
        *(
            page(n, block("header", "Even side" if n % 2 == 0 else "Odd side", y=TOP), body(n))
            for n in range(1, 9)
        )
    )
    assert "side" not in record.markdown


def test_the_header_of_a_chapter_goes() -> None:
    pages = [
        page(n, block("text", f"Chapter {'one' if n < 50 else 'two'}", y=TOP), body(n))
        for n in range(40, 60)
    ]
    blank = [page(n, body(n)) for n in range(1, 40)]
    assert "Chapter" not in stitched(*blank, *pages).markdown


def test_roman_page_numbers_go() -> None:
    numerals = ("i", "ii", "iii", "iv")
    record = stitched(
        *(page(n, body(n), block("text", numerals[n - 1], y=BOTTOM)) for n in range(1, 5))
    )
    assert "ii" not in record.markdown


def test_a_wide_margin_is_no_hiding_place() -> None:
    record = stitched(
        *(page(n, body(n), block("footer", str(n), y=0.83 * 800)) for n in range(1, 5))
    )
    assert record.markdown == "\n\n".join(f"{'abcdefg'[n]} body." for n in range(1, 5)) + "\n"


def test_what_layout_calls_a_header_stays_when_it_does_not_recur() -> None:
    pages = [page(n, block("header", f"{'pqrst'[n]} heading", y=TOP), body(n)) for n in range(1, 5)]
    assert stitched(*pages).markdown.count("heading") == 4


def test_documents_under_three_pages_lose_nothing() -> None:
    pages = [page(n, block("footer", "Confidential", y=BOTTOM), body(n)) for n in (1, 2)]
    assert stitched(*pages).markdown.count("Confidential") == 2


def test_the_only_block_of_a_page_stays() -> None:
    pages = [page(n, block("footer", "Page left blank", y=BOTTOM)) for n in range(1, 6)]
    assert stitched(*pages).markdown.count("Page left blank") == 5


def test_text_in_the_middle_stays_however_often_it_recurs() -> None:
    pages = [page(n, block("text", "Please turn over.", y=MIDDLE), body(n)) for n in range(1, 9)]
    assert stitched(*pages).markdown.count("Please turn over.") == 8


def test_rare_repeats_stay() -> None:
    pages = [
        page(n, *([block("text", "Interlude", y=TOP)] if n % 12 == 0 else []), body(n))
        for n in range(1, 60)
    ]
    assert stitched(*pages).markdown.count("Interlude") == 4


def test_numbered_headings_at_the_top_stay() -> None:
    pages = [page(n, block("heading", f"Step {n}", y=TOP), body(n)) for n in range(1, 6)]
    assert stitched(*pages).markdown.count("Step") == 5


def test_a_running_header_that_layout_calls_a_heading_stays_once() -> None:
    pages = [page(n, block("heading", "Opinion of the Court", y=TOP), body(n)) for n in range(1, 6)]
    assert stitched(*pages).markdown.count("Opinion of the Court") == 1


def test_a_logo_on_every_page_is_shown_once() -> None:
    pages = [page(n, block("picture", "", y=TOP, image_index=0), body(n)) for n in range(1, 6)]
    record = stitched(*pages, images=tuple(image(n, 0) for n in range(1, 6)))
    assert record.markdown.count(SHA) == record.n_images == 1


def test_a_footer_in_two_blocks_is_known_by_its_parts() -> None:
    whole = [page(n, body(n), block("footer", f"Pump News | May {n}", y=BOTTOM)) for n in (1, 2, 3)]
    parts = page(
        4,
        body(4),
        block("footer", "Pump News |", y=BOTTOM),
        block("footer", "May 4", y=BOTTOM, x=500.0),
    )
    assert "Pump" not in stitched(*whole, parts).markdown


def test_front_matter_counts_in_roman_numerals() -> None:
    numerals = ("ii", "iii", "iv", "v", "vi")
    pages = [
        page(n, block("text", f"Pump Guide {numerals[n - 1]}", y=TOP), body(n)) for n in range(1, 6)
    ]
    assert "Pump" not in stitched(*pages).markdown


def test_a_header_taller_than_the_band_goes_and_what_only_a_second_look_finds_stays_once() -> None:
    pages = [
        page(
            n,
            block("text", "PUMPS V. STATE", y=36.0),
            block("text", "2022-1", y=62.0),
            block("text", "Opinion of the Court", y=88.0),
            body(n),
        )
        for n in range(1, 6)
    ]
    markdown = stitched(*pages).markdown
    assert "PUMPS" not in markdown
    assert "2022" not in markdown
    assert markdown.count("Opinion of the Court") == 1


def test_a_stamp_set_sideways_in_the_margin_goes() -> None:
    def stamped(n: int, x: float) -> dict[str, object]:
        stamp = block("text", "jbell with PROPOSALS", x=x, width=5.0, y=600.0)
        stamp["bbox"]["y1"] = 710.0
        return page(n, body(n), stamp)

    assert "jbell" not in stitched(*(stamped(n, 18.0) for n in range(1, 5))).markdown
    assert stitched(*(stamped(n, 200.0) for n in range(1, 5))).markdown.count("jbell") == 4


def test_page_numbers_beside_a_long_heading_go_on_both_sides() -> None:
    pages = [
        page(
            n,
            block(
                "heading",
                f"{n + 47699} Pump Register and Notes" if n % 2 else f"Pump Register and Notes {n}",
                y=TOP,
            ),
            body(n),
        )
        for n in range(1, 9)
    ]
    assert "Register" not in stitched(*pages).markdown
