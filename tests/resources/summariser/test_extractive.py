"""The extractive summary: the document's own sentences, short, the same every time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.summariser.base import Summariser, SummaryInput, SummaryRecord
from resources.summariser.extractive import MAX_CHARS, ExtractiveSummariser

TOPICS = ("pump", "valve", "boiler", "river", "bridge", "engine")
TIMES = ("morning", "evening", "winter", "summer")
VERBS = ("feeds", "cools", "crosses", "drives", "measures", "closes", "warms")


def prose(n: int) -> tuple[str, ...]:
    """Paragraphs of three sentences about a few things."""
    sentences = [
        f"The {TOPICS[i % 6]} of the northern hall {VERBS[i % 7]} the {TOPICS[(i * 5 + 1) % 6]} "
        f"every {TIMES[i % 4]} since the year of the great flood."
        for i in range(n)
    ]
    return tuple(" ".join(sentences[i : i + 3]) for i in range(0, n, 3))


def summarise(*body: str) -> SummaryRecord:
    document = SummaryInput("a" * 64, None, "\n\n".join(body), "ok", body)
    (record,) = ExtractiveSummariser().summarise([document])
    return record


def test_it_is_a_summariser() -> None:
    summariser: Summariser = ExtractiveSummariser()
    assert summariser.name == "extractive"
    assert summariser.model is None


def test_a_short_document_is_its_own_summary() -> None:
    record = summarise("One thing happened. Then another did.", "That was all.")
    assert record.summary == "One thing happened. Then another did. That was all."
    assert (record.status, record.cost_usd, record.error_class) == ("ok", 0.0, None)


def test_nothing_to_say_is_empty() -> None:
    assert (summarise().status, summarise().summary) == ("empty", None)
    assert summarise("  \n ").status == "empty"


def test_a_long_document_is_cut_to_whole_sentences_of_its_own() -> None:
    body = prose(300)
    record = summarise(*body)
    assert record.summary is not None
    assert 200 < len(record.summary) <= MAX_CHARS
    assert record.summary.endswith(".")
    for sentence in record.summary.removesuffix(".").split(". "):
        assert any(sentence in paragraph for paragraph in body)
    assert record.language == "en"
    assert record.input_tokens > record.output_tokens > 0


def test_a_few_long_sentences_end_at_a_sentence() -> None:
    long = "This sentence goes on " + "and on " * 80 + "to its end."
    record = summarise(long, long, long)
    assert record.summary == f"{long} {long}"


def test_a_single_endless_sentence_ends_at_a_word() -> None:
    record = summarise("word " * 1000)
    assert record.summary is not None
    assert len(record.summary) <= MAX_CHARS
    assert record.summary.endswith("word")


def test_notices_are_passed_over() -> None:
    notices = ("Copyright 2004 by the authors of this long report, all rights reserved.",)
    record = summarise(*notices, *prose(60))
    assert record.summary is not None
    assert "rights reserved" not in record.summary


@pytest.mark.parametrize(
    "unfit",
    [
        "ACTION: Notice of the pumps that the engineers proposed for the northern hall.",
        "3 Indeed the pumps of the northern hall were never measured in the winter of that year.",
        "A-B. Pumps of the northern hall before, and of the southern hall after the great flood.",
        "THE PUMPS OF THE NORTHERN HALL AND THE BOILERS OF THE SOUTHERN HALL OF THE OLD TOWN.",
        "The pumps of the northern hall were a1111111111 measured again after the great flood.",
        "For more information on the pumps of the northern hall turn to the engineers of the town.",
        "Насосы северного зала измеряли каждый день после большого наводнения в старом городе.",
    ],
)
def test_what_reads_badly_alone_is_passed_over(unfit: str) -> None:
    record = summarise(unfit, *prose(60), unfit)
    assert record.summary is not None
    assert unfit not in record.summary


def test_a_sentence_that_is_repeated_is_said_once() -> None:
    again = "The valve of the boiler closes the river every summer as the bridge engine drives it."
    record = summarise(*(f"{part} {again}" for part in prose(24)))
    assert record.summary is not None
    assert record.summary.count(again) <= 1


def test_a_short_document_ends_at_its_last_whole_sentence() -> None:
    assert summarise("One thing happened.", "Page 3 of 7").summary == "One thing happened."
    assert summarise("Page 3 of 7").summary == "Page 3 of 7"


@pytest.mark.parametrize(
    ("paragraph", "language"),
    [
        ("この文書はポンプの測定について説明します。測定は毎日二回行われました。", "ja"),
        ("本文档介绍水泵的测量方法。测量每天进行两次。", "zh"),
        (
            "В этом документе описаны измерения насосов. Это было сделано для всех.",
            "ru",
        ),
        ("يصف هذا المستند قياس المضخات في المحطة. تم القياس مرتين من كل يوم.", "ar"),
        ("เอกสารนี้อธิบายการวัดปั๊มน้ำในสถานี การวัดทำวันละสองครั้ง", "th"),
        ("Die Pumpe wurde in der Halle gemessen. Das ist für den Betrieb nicht wichtig.", "de"),
    ],
)
def test_scripts_and_languages(paragraph: str, language: str) -> None:
    marked = [f"{n} {paragraph}" for n in range(60)]
    record = summarise(*marked)
    assert record.status == "ok"
    assert record.language == language
    assert record.summary is not None
    assert 0 < len(record.summary) <= MAX_CHARS


def test_a_book_costs_no_more_than_its_cap() -> None:
    body = prose(60_000)
    start = time.perf_counter()
    record = summarise(*body)
    assert record.status == "ok"
    assert time.perf_counter() - start < 20  # measured 1.3 s, most of it cutting sentences


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=400), max_size=12))
def test_any_text_gives_a_record_and_the_same_one_again(body: list[str]) -> None:
    first, second = summarise(*body), summarise(*body)
    assert first.status in ("ok", "empty")
    assert first.summary == second.summary
    assert len(first.summary or "") <= MAX_CHARS
    assert first.error is None
