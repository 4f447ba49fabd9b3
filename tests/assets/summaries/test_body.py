"""The body of a document is its prose, without what stands beside it."""

from __future__ import annotations

import pytest

from assets.summaries.body import body_paragraphs
from tests.assets.docs.making import block, image, page, stitched


def test_only_prose_is_left() -> None:
    record = stitched(
        page(
            1,
            block("title", "Pumps", size=20.0),
            block("text", "A pump moves water. [It] costs 1 * 2 < 3."),
            block("picture", "axis", image_index=0),
            block("table", "x", markdown="|a|b|\n|---|---|\n|1|2|"),
            block("code", "pump()\n\nprint()", markdown="```\npump()\n\nprint()\n```"),
            block("footnote", "1 A note."),
            block("list_item", "• short label"),
            block("list_item", "• Every pump of the hall was measured twice."),
            block("annotation", "Really?"),
        ),
        page(2, status="failed", error_class="timeout"),
        images=(image(1, 0),),
    )
    assert body_paragraphs(record.markdown) == (
        "A pump moves water. [It] costs 1 * 2 < 3.",
        "Every pump of the hall was measured twice.",
    )


@pytest.mark.parametrize("heading", ["Contents", "7. References", "目次", "Список литературы"])
def test_contents_and_references_are_left_out(heading: str) -> None:
    markdown = f"Prose.\n\n# {heading}\n\nSmith 2001.\n\n# Next\n\nMore prose.\n"
    assert body_paragraphs(markdown) == ("Prose.", "More prose.")


def test_the_body_opens_with_the_abstract() -> None:
    rest = "\n\n".join(f"Paragraph {n} of the body." for n in range(20))
    markdown = f"Names and imprint.\n\n## Abstract\n\nThe abstract.\n\n## 1 Introduction\n\n{rest}"
    assert body_paragraphs(markdown)[0] == "The abstract."
    assert len(body_paragraphs(markdown)) == 21


def test_a_document_without_prose_gives_what_it_has() -> None:
    assert body_paragraphs("# Menu\n\n|Soup|4|\n|---|---|\n|Fish|9|\n") == (
        "Menu",
        "Soup, 4",
        "Fish, 9",
    )
    assert body_paragraphs("> [page 1 could not be read: timeout]\n") == ()
    assert body_paragraphs("") == ()
