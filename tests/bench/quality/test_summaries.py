"""ROUGE-1, and where an abstract begins and ends."""

from __future__ import annotations

import pytest

from bench.quality.summaries import cut_abstract, rouge_1
from tests.bench.quality.readings import reading_of

ABSTRACT = " ".join(["An abstract of fifty words is told here."] * 6) + " End."


@pytest.mark.parametrize(
    ("summary", "reference", "f1", "recall"),
    [
        ("", "", 0.0, 0.0),
        ("", "one two", 0.0, 0.0),
        ("one two", "", 0.0, 0.0),
        ("three", "one two", 0.0, 0.0),
        ("One, two!", "two one", 1.0, 1.0),
        ("one two three four", "one two", 2 / 3, 1.0),
        ("one one one", "one two", 2 / 5, 1 / 2),
    ],
)
def test_rouge_counts_common_words_once(
    summary: str, reference: str, f1: float, recall: float
) -> None:
    assert list(rouge_1(summary, reference)) == pytest.approx([f1, recall])


@pytest.mark.parametrize("head", ["## Abstract\n\n", "**Abstract.** ", "Abstract — "])
@pytest.mark.parametrize("next_part", ["## 1 Introduction", "Keywords: a, b", "1 Introduction"])
def test_an_abstract_ends_where_the_body_starts(head: str, next_part: str) -> None:
    markdown = f"# Title\n\n{head}{ABSTRACT}\n\n{next_part}\n\nThe body."
    paper = cut_abstract(reading_of(markdown))
    assert paper is not None
    assert " ".join(paper.abstract.split()) == ABSTRACT
    assert paper.markdown == f"# Title\n\n{next_part}\n\nThe body."


def test_headings_within_an_abstract_do_not_end_it() -> None:
    markdown = f"## Abstract\n\n### Methods\n\n{ABSTRACT}\n\n### Results\n\nMore.\n\n## Body\n\nx"
    paper = cut_abstract(reading_of(markdown))
    assert paper is not None
    assert paper.abstract.split() == [*ABSTRACT.split(), "More."]


def test_documents_without_an_abstract_are_no_papers() -> None:
    assert cut_abstract(reading_of("")) is None
    assert cut_abstract(reading_of("# Title\n\nThe body.")) is None
    assert cut_abstract(reading_of("## Abstract\n\nA line.\n\n## Body\n\nx")) is None
