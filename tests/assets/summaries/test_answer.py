"""An answer is a summary only if it is in its language, of its text, in its form."""

# ruff: noqa: E501 - letters of two columns

from __future__ import annotations

import json

import pytest

from assets.summaries.answer import judged, read_answer
from assets.summaries.asking import Asking
from assets.summaries.grounding import grounded_share, repeated_share
from assets.summaries.prompt import Limits, code_of, messages_of
from resources.errors import ErrorClass
from resources.llm.base import Completion, FinishReason
from resources.summariser.language import guess_language
from tests.scripted_llm import Scripted

LIMITS = Limits(400)
SOURCES = {
    "en": "The harbour office in Bergen reports that 1,204 ships came in 1987, most of them from "
    "Hamburg and from Lisbon, and that the trade in salt fell by 12 percent in that year. The "
    "council of the town asked Captain Olsen to write to the ministry in Oslo about the tax.",
    "de": "Das Hafenamt in Bergen berichtet, dass im Jahr 1987 insgesamt 1.204 Schiffe kamen, die "
    "meisten aus Hamburg und aus Lissabon, und dass der Handel mit Salz um 12 Prozent zurückging. "
    "Der Rat der Stadt bat Kapitän Olsen, wegen der Steuer an das Ministerium zu schreiben.",
    "fr": "La capitainerie de Bergen rapporte que 1 204 navires sont arrivés en 1987, la plupart de "
    "Hambourg et de Lisbonne, et que le commerce du sel a baissé de 12 pour cent dans l'année. Le "
    "conseil de la ville a demandé au capitaine Olsen d'écrire au ministère pour la taxe.",
    "ru": "Портовая контора в Бергене сообщает, что в 1987 году пришло 1204 корабля, в основном из "
    "Гамбурга и Лиссабона, и что торговля солью упала на 12 процентов. Совет города попросил "
    "капитана Олсена написать в министерство по поводу налога на суда и на соль.",
    "ja": "ベルゲンの港湾局の報告によると、1987年には1204隻の船が入港し、そのほとんどはハンブルクとリスボンから"
    "来たもので、塩の取引はその年に12パーセント減少した。町の議会はオルセン船長に税について省に手紙を書くよう依頼した。",
    "ar": "أفاد مكتب الميناء في برغن أن 1204 سفينة وصلت في عام 1987 وأن معظمها جاء من هامبورغ ومن "
    "لشبونة وأن تجارة الملح انخفضت في هذا العام. طلب مجلس المدينة من القبطان أولسن أن يكتب إلى الوزارة.",
}
GOOD = {
    "en": "A report of the harbour office in Bergen: 1,204 ships came in 1987, and the trade in "
    "salt fell by 12 percent. Captain Olsen is to write to the ministry.",
    "de": "Ein Bericht über den Hafen von Bergen: 1987 kamen 1.204 Schiffe, und der Handel mit Salz "
    "ging um 12 Prozent zurück. Kapitän Olsen soll an das Ministerium schreiben.",
    "fr": "Un rapport sur le port de Bergen : 1 204 navires sont arrivés en 1987 et le commerce du "
    "sel a baissé de 12 pour cent. Le capitaine Olsen doit écrire au ministère.",
    "ru": "Отчёт о порте Бергена: в 1987 году пришло 1204 корабля, и торговля солью упала на 12 "
    "процентов. Капитан Олсен должен написать в министерство.",
    "ja": "ベルゲン港の報告書。1987年に1204隻の船が入港し、塩の取引は12パーセント減少した。オルセン船長が省に手紙を書く。",
    "ar": "تقرير عن ميناء برغن: وصلت 1204 سفينة في عام 1987 وانخفضت تجارة الملح في هذا العام. سيكتب "
    "القبطان أولسن إلى الوزارة.",
}


def completion(text: str | None, finish: FinishReason = "stop", **more: object) -> Completion:
    return Completion("k", text, finish, 1, 1, 1, "m", **more)  # type: ignore[arg-type]


def verdict_of(summary: object, language: str = "en", source: str | None = None) -> str | None:
    """What is wrong with a summary of a source, None when nothing is."""
    text = SOURCES[language] if source is None else source
    answer = json.dumps({"language": language, "summary": summary}, ensure_ascii=False)
    messages = messages_of("summary", text, language, LIMITS)
    verdict = judged(completion(answer), text, guess_language(text), messages, LIMITS)
    assert (verdict.summary is None) == (verdict.error is not None)
    if verdict.error_class is not None:
        assert verdict.error_class is ErrorClass.INVALID_OUTPUT
        assert verdict.may_ask_again
    return verdict.error


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_good_summaries_pass(language: str) -> None:
    assert verdict_of(GOOD[language], language) is None


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_another_language_is_no_summary(language: str) -> None:
    other = "en" if language != "en" else "de"
    assert f"it is in {other}" in (verdict_of(GOOD[other], language) or "")


def test_a_language_that_the_document_holds_as_well_passes() -> None:
    both = SOURCES["en"] + "\n\n" + SOURCES["de"] * 3
    assert guess_language(both) == "de"
    assert verdict_of(GOOD["en"], "de", both) is None


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_going_round_in_circles_is_no_summary(language: str) -> None:
    assert "repeats what it said" in (verdict_of(" ".join([GOOD[language]] * 3), language) or "")
    assert repeated_share(GOOD[language]) == 0
    assert "repeats one character" in (verdict_of(GOOD[language] + " aaaaaaaaaaaa", language) or "")


def test_invented_names_and_numbers_are_no_summary() -> None:
    invented = (
        "A report of the office in Toronto says that 88 trains of Robert Miller came from Boston "
        "and from Denver in 2014, and the tax on salt fell by 71 percent for the town."
    )
    assert "names and numbers occur" in (verdict_of(invented) or "")


def test_one_other_number_is_no_reason() -> None:
    assert verdict_of(GOOD["en"].replace("12 percent", "about 13 percent")) is None


@pytest.mark.parametrize(
    ("summary", "source", "share"),
    [
        ("In 1,234.5 ways", "1234,5", 1.0),
        ("by 1 204 in all and 7", "1.204", 1.0),
        ("in 1987 and 1999", "in 1987", 0.5),
        ("by Captain Olsen's ship", "CAPTAIN OLSEN", 1.0),
        ("they met Anna, Berit and Carl", "Anna", 1 / 3),
        ("The start of a sentence. And another", "", 1.0),
    ],
)
def test_names_and_numbers_are_compared_as_readers_do(
    summary: str, source: str, share: float
) -> None:
    assert grounded_share(summary, source)[0] == pytest.approx(share)


def test_addresses_must_be_the_documents() -> None:
    for address in ("https://evil.example/x", "www.evil.example", "me@evil.example"):
        assert "address" in (verdict_of(f"{GOOD['en']} See {address}.") or "")
        there = f"{SOURCES['en']} See {address}."
        assert verdict_of(f"{GOOD['en']} See {address}.", source=there) is None


def test_the_marks_and_the_instructions_are_no_summary() -> None:
    text = SOURCES["en"]
    for echo in (
        f"{GOOD['en']} [end of document {code_of(text)}]",
        f"[document] {GOOD['en']}",
        f"{GOOD['en']} {code_of(text)}",
    ):
        assert "marks" in (verdict_of(echo) or "")
    told = (
        "Say what the document is, what it is about, and its main findings, figures or decisions."
    )
    assert "instructions" in (verdict_of(f"{told} {GOOD['en']}") or "")
    assert verdict_of(f"{told} {GOOD['en']}", source=f"{text} {told}") is None


@pytest.mark.parametrize(
    ("summary", "what"),
    [
        ("", "letters"),
        ("N/A", "letters"),
        ("1234 5678", "letters"),
        ("word " * 400, "characters"),
        (GOOD["en"] + " \ud800", "valid text"),
        (None, "JSON"),
        (["a"], "JSON"),
        (7, "JSON"),
    ],
)
def test_other_forms_are_no_summary(summary: object, what: str) -> None:
    assert what in (verdict_of(summary) or "")


@pytest.mark.parametrize(
    "text",
    [
        '{"language": "en", "summary": "A  b.\\n c"}',
        '```json\n{"language": "en", "summary": "A b. c"}\n```',
        '```\n{"summary": "A b. c", "language": "en", "more": 1}\n```\n',
        'Here it is:\n{"language": "en", "summary": "A b. c"}',
        '<think>{"no": 1} hm</think>\n{"language": "en", "summary": "A b. c"}',
        '{"language": "en", "summary": "A\u200b b.\u202e c"}',
        '{"language": "en", "summary": "A b.\n c"}',
    ],
)
def test_fences_and_thoughts_are_taken_off(text: str) -> None:
    assert read_answer(text) == "A b. c"


@pytest.mark.parametrize(
    "text",
    [
        "", "A plain summary.", '{"summary": "A"}', '{"language": "en", "summary": "cut of',
        "[1]", "{" * 100_000, "<html>502</html>", '{"language": 1, "summary": "A"}',
    ],
)  # fmt: skip
def test_what_is_not_the_object_is_none(text: str) -> None:
    assert read_answer(text) is None


def test_what_an_engine_says_is_wrong_stays_so() -> None:
    ask = Asking(Scripted(), LIMITS).ask("summary", SOURCES["en"])
    good = json.dumps({"language": "en", "summary": GOOD["en"]})
    for given, error_class in (
        (completion(None, "error", error_class=ErrorClass.TIMEOUT, error="slow"), "timeout"),
        (completion(good, "length"), "truncated_output"),
        (completion(good, "refused"), "refused"),
        (completion(None), "summary_failed"),
    ):
        verdict = ask.judge(given)
        assert (verdict.summary, verdict.error_class) == (None, error_class)
        assert not verdict.may_ask_again
    assert ask.judge(completion(good)).summary == GOOD["en"]
