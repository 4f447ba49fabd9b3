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


def test_the_abstract_may_run_in_with_its_label() -> None:
    rest = "\n\n".join(f"Paragraph {n} of the body." for n in range(20))
    for label in ("Abstract: ", "Abstract ", "ABSTRACT\u2014", "Zusammenfassung. "):
        markdown = f"Names and imprint.\n\n{label}Pumps leak.\n\n## Keywords\n\n{rest}"
        assert body_paragraphs(markdown)[0] == "Pumps leak.", label


def test_lines_of_contents_are_left_out_without_a_heading_too() -> None:
    lines = "6.2 Installation of a gateway … 12\n\n6.3 Upgrades …\n\n١ … المقدمة"
    assert body_paragraphs(f"{lines}\n\nA pump moves water.") == ("A pump moves water.",)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("The court affirms", "the judgment."), 1),
        (("It finds no error in what the lower court has said of the plea by", "Jones."), 1),
        (("Pumps", "Water is moved by pumps."), 2),
        (("It moves water.", "it does so daily."), 2),
        (("Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware", "Some."), 2),
        (("หัวรายการในรูปแบบต่างๆมักจะเรียกใช้งานแพ็กเกจเพราะเป็นแพ็กเกจที่มีความยืดหยุ่นและหลากหลาย", "ข้อ"), 2),
    ],
)  # fmt: skip
def test_a_paragraph_without_a_stop_goes_on_in_the_next(
    parts: tuple[str, ...], expected: int
) -> None:
    assert len(body_paragraphs("\n\n".join(parts))) == expected


def test_a_document_without_prose_gives_what_it_has() -> None:
    assert body_paragraphs("# Menu\n\n|Soup|4|\n|---|---|\n|Fish|9|\n") == (
        "Menu",
        "Soup, 4",
        "Fish, 9",
    )
    assert body_paragraphs("> [page 1 could not be read: timeout]\n") == ()
    assert body_paragraphs("") == ()
