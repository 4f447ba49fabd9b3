"""A document is complete, in order, and says what is missing."""

from __future__ import annotations

import hashlib
import random
import time

import pytest

from assets.docs.markup import image_references, replace_image_references
from assets.docs.records import DocumentInput
from assets.docs.stitch import stitch
from io_managers.schemas import DOCS
from tests.assets.docs.making import SHA, block, image, page, stitched


def test_the_record_has_the_columns_of_docs() -> None:
    row = stitched(page(1, block("text", "Hello there."))).as_row()
    stage = {"batch", "version", "input_sha256"}
    assert set(row) == set(DOCS.columns) - stage
    assert row["content_sha256"] == hashlib.sha256(row["markdown"].encode()).hexdigest()
    assert row["status"] == "ok"
    assert row["n_tokens"] > 0


def test_a_failed_page_is_named_where_it_stood() -> None:
    record = stitched(
        page(1, block("text", "Before.")),
        page(2, status="failed", error_class="timeout"),
        page(3, block("text", "After.")),
    )
    assert record.markdown == "Before.\n\n> [page 2 could not be read: timeout]\n\nAfter.\n"
    assert (record.status, record.n_failed_pages) == ("partial", 1)


def test_neighbouring_pages_that_failed_alike_share_a_line() -> None:
    failed = [page(n, status="failed", error_class="crash") for n in (2, 3, 4)]
    record = stitched(page(1, block("text", "Before.")), *failed)
    assert "> [pages 2-4 could not be read: crash]" in record.markdown
    assert record.n_failed_pages == 3


def test_a_page_without_a_row_counts_as_failed() -> None:
    record = stitched(page(2, block("text", "Second.")), n_pages=3)
    assert record.n_failed_pages == 2
    assert "> [page 1 could not be read: no result]" in record.markdown
    assert "> [page 3 could not be read: no result]" in record.markdown


@pytest.mark.parametrize("n_pages", [None, 0, 2])
def test_a_document_without_a_readable_page_is_failed(n_pages: int | None) -> None:
    record = stitch(DocumentInput("d" * 64, None, n_pages, (), ()))
    assert record.status == "failed"
    assert record.markdown.startswith("> [")


def test_blank_pages_are_ok_and_empty() -> None:
    record = stitched(page(1), page(2))
    assert (record.status, record.markdown, record.n_tokens) == ("ok", "", 0)


def test_a_placeholder_page_is_quoted_not_told_as_text() -> None:
    placeholder = page(
        1,
        block("heading", "Please wait..."),
        block("text", "If this message is not replaced, upgrade."),
        status="partial",
        error_class="unsupported",
    )
    record = stitched(placeholder)
    assert record.status == "partial"
    assert all(line.startswith(">") for line in record.markdown.split("\n") if line)


def test_the_order_of_the_rows_does_not_matter() -> None:
    pages = [page(n, block("text", f"Page {n} says {n * 7}.")) for n in range(1, 30)]
    shuffled = pages.copy()
    random.Random(1).shuffle(shuffled)
    assert stitched(*pages) == stitched(*shuffled)


def test_figures_stand_where_they_stood_with_their_label() -> None:
    record = stitched(
        page(
            1,
            block("text", "Above."),
            block("picture", "", image_index=0),
            block("caption", "Figure 3. A pump."),
            block("text", "Below."),
        ),
        images=(image(1, 0),),
    )
    reference = f"![Figure 3](image:{SHA})"
    assert record.markdown == f"Above.\n\n{reference}\n\nFigure 3. A pump.\n\nBelow.\n"
    assert record.n_images == 1
    assert image_references(record.markdown) == [("Figure 3", SHA)]
    assert "](fig.png)" in replace_image_references(record.markdown, lambda _: "fig.png")


@pytest.mark.parametrize("role", ["page_scan", "decoration", "part"])
def test_scans_and_decorations_are_not_referred_to(role: str) -> None:
    picture = page(1, block("picture", "", image_index=0), block("text", "Text."))
    record = stitched(picture, images=(image(1, 0, role=role),))
    assert record.markdown == "Text.\n"
    assert record.status == "ok"


def test_a_failed_picture_is_named() -> None:
    picture = page(1, block("picture", "", image_index=0), block("text", "Text."))
    failed = image(1, 0, status="failed", sha256=None, error_class="image_failed")
    record = stitched(picture, images=(failed,))
    assert "> [a picture on page 1 is missing: image_failed]" in record.markdown
    assert (record.status, record.n_images) == ("partial", 0)


def test_words_inside_a_picture_are_kept_beside_the_body() -> None:
    record = stitched(
        page(1, block("picture", "0\n10\nTime (s)", image_index=0)), images=(image(1, 0),)
    )
    assert "> 0 10 Time (s)" in record.markdown


def test_comments_follow_the_body_with_their_page() -> None:
    record = stitched(
        page(1, block("annotation", "Is this right?"), block("text", "Body.")),
        page(2, block("text", "More body.")),
    )
    assert record.markdown.endswith("More body.\n\n> [comment on page 1] Is this right?\n")


def test_attached_files_are_named_after_the_body() -> None:
    one = page(1, block("text", "Body."))
    assert stitched(one, n_attachments=1).markdown == (
        "Body.\n\n> [1 attached file is not part of this text]\n"
    )
    assert "2 attached files are" in stitched(one, n_attachments=2).markdown


def test_a_table_goes_on_over_the_page_with_its_head_once() -> None:
    head = "|Name|Pay|\n|---|---|\n"
    record = stitched(
        page(1, block("table", "x", markdown=head + "|Ann|1|", font_size=None)),
        page(2, block("table", "x", markdown=head + "|Bob|2|", font_size=None)),
        page(3, block("table", "x", markdown="|Cid|3|\n|---|---|\n|Dan|4|", font_size=None)),
    )
    assert record.markdown == "|Name|Pay|\n|---|---|\n|Ann|1|\n|Bob|2|\n|Cid|3|\n|Dan|4|\n"


def test_tables_with_other_columns_stay_apart() -> None:
    record = stitched(
        page(1, block("table", "x", markdown="|a|b|\n|---|---|\n|1|2|")),
        page(2, block("table", "x", markdown="|a|b|c|\n|---|---|---|\n|1|2|3|")),
    )
    assert record.markdown.count("|---|---|") == 2


def test_lists_code_fields_and_footnotes_have_their_shapes() -> None:
    record = stitched(
        page(
            1,
            block("list_item", "• first", markdown="- first"),
            block("list_item", "second\nline", markdown="- second\n  line"),
            block("list_item", "3. third", markdown="3. third"),
            block("code", "if x:\ny()", markdown="```\nif x:\n    y()\n```"),
            block("field", "Name: Ann"),
            block("footnote", "1 See elsewhere."),
        )
    )
    assert record.markdown == (
        "- first\n- second line\n\n3. third\n\n```\nif x:\n    y()\n```\n\n- Name: Ann\n\n"
        "> 1 See elsewhere.\n"
    )


def test_20_000_pages_take_seconds() -> None:
    pages = [
        page(
            n,
            block("header", f"Annual report {n}", y=20.0),
            block("heading", f"{n} Chapter", size=14.0),
            block("text", f"The pump of hall {n} was mea-\nsured and works.", y=320.0),
        )
        for n in range(1, 20_001)
    ]
    start = time.perf_counter()
    record = stitched(*pages)
    assert time.perf_counter() - start < 20  # measured 1.2 s; a quadratic step would take minutes
    assert "Annual report" not in record.markdown
    assert record.markdown.count("Chapter") == 20_000
