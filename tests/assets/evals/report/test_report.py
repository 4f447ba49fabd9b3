"""The report: what it says, what it leaves out, and that no text of a PDF can act in it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from assets.evals.base import EvalRun, Readings, Result, Verdict
from assets.evals.report.content import (
    Command,
    Pictures,
    Report,
    Side,
    engine_of,
    metric_rows,
    past_of,
)
from assets.evals.report.worst import worst_pages
from assets.evals.report.write import render, report_metadata, report_of
from tests.assets.evals.report import making
from tests.assets.evals.report.making import DOC, NEW, OLD

EVIL = (
    '<script>alert(1)</script><img src="http://evil.example/x" onerror=alert(1)>'
    "\"'><svg onload=alert(1)><style>*{display:none}</style></pre></details></section>"
    "[a](javascript:alert(1)) \u202eevil\u2066 \x1b[2J\x00\x9b \ufeff\U000e0041 \ud800"
)


class Tags(HTMLParser):
    """Every tag with its attributes, and whether each is closed where it was opened."""

    VOID = frozenset({"meta", "img", "input", "br", "line", "circle", "path", "rect"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def whole() -> Report:
    new, old = making.sides()
    return report_of(making.run(making.verdict()), new, old, history=making.history(), lake="/a b")


def test_the_verdict_stands_at_the_top_in_words() -> None:
    html = render(whole())
    assert "Evaluation: pages rejected" in html[: html.index("<header>") + 200]
    card = html[html.index('<div class="verdict rejected">') : html.index("<main>")]
    for said in (NEW, OLD, "confidence 99.9 %", "more than 1.00 %", "text is missing: 9.7 %"):
        assert said in card
    assert "3 became worse" in card
    assert "3 documents of the lake are left out" in card


def test_an_accepted_version_is_told_what_to_do_next() -> None:
    good = replace(making.verdict(), accepted=True, reasons=(), comparisons=())
    html = render(report_of(making.run(good), Side()))
    assert "pages accepted" in html
    assert "<code>quire upgrade</code>" in html
    assert "evals accept" not in html


def test_a_stage_behind_a_rejected_one_is_not_judged() -> None:
    run = replace(making.run(making.verdict()), baselines={"pages": OLD, "summaries": "s"})
    assert report_of(run, Side()).title == "Evaluation: pages rejected; summaries not judged"


def test_commands_work_as_typed() -> None:
    typed = [command.text for command in whole().commands]
    assert typed == [
        f"quire evals accept {NEW} --lake '/a b'",
        "quire evals run --lake '/a b'",
        "quire evals compare e20261120-093000-4f2a --lake '/a b'",
    ]


def test_the_worst_pages_come_first_with_both_texts_marked() -> None:
    report = whole()
    pairs = worst_pages(report)
    assert [pair.key for pair in pairs] == [(DOC, 2), (DOC, 1), (DOC, 3), (DOC, 4)]
    assert pairs[0].worse[0].metric == "cer"
    html = render(report)
    assert "<del>built in 2009, and the main telescope" in html
    assert "<ins>retumed</ins>" in html
    assert "<mark>The most interesting object of the year was KF" in html


def test_pages_that_nobody_measured_are_ranked_by_their_words() -> None:
    """A canary has rows of before and after, and no truth."""
    new, old = making.sides()
    report = Report(
        "Canary of 3 batches",
        new=Side(readings=new.readings),
        old=Side(readings=old.readings),
        names=("before", "after"),
        commands=[Command("quire upgrade --resume", "Go on")],
    )
    pairs = worst_pages(report, 2)
    assert [pair.key for pair in pairs] == [(DOC, 2), (DOC, 1)]
    html = render(report)
    assert "Changed most" in html
    assert "only before" in html
    assert "Error over time" not in html
    assert "<code>quire upgrade --resume</code>" in html


def test_a_document_of_both_suites_shows_what_each_read() -> None:
    def side(version: str, golden: str, live: str, error: float) -> Side:
        results = [
            Result("golden", "case", "cer", "pages", version, error),
            Result("live", f"{DOC}#1@clean", "cer", "pages", version, 2 * error),
        ]
        return Side(results, [making.readings([text], version) for text in (golden, live)])

    report = report_of(
        making.run(),
        side(NEW, "of the layer", "of the picture, misread", 0.2),
        side(OLD, "of the layer", "of the picture", 0.0),
        places={"case": (DOC, 1)},
    )
    live, golden = worst_pages(report)
    assert (live.new_text, golden.new_text) == ("of the picture, misread", "of the layer")
    assert (live.worse[0].new, golden.worse[0].new) == (0.4, 0.2)


def test_summaries_and_documents_are_compared_as_pages_are() -> None:
    def side(summary: str, version: str, value: float) -> Side:
        read = making.readings([], version, summary=summary)
        return Side(
            [Result("live", DOC, "unsupported_numbers", "summaries", version, value, doc_id=DOC)],
            [read],
        )

    old = side("It rained for 12 days.", "summaries-r1-extractive-000000000000", 0.0)
    new = side("It rained for 99 days.", "summaries-r1-openai-000000000000", 1.0)
    html = render(report_of(making.run(), new, old))
    assert "observatory-report.pdf, summary" in html
    assert "<del>12</del>" in html
    assert "<ins>99</ins>" in html
    assert "No picture" not in html


def test_a_case_that_passed_before_comes_first() -> None:
    fails = Result("golden", "a-old-trouble", "order", "pages", NEW, 1.0, False, "expected a")
    report = whole()
    report = replace(
        report,
        new=replace(report.new, results=[fails, *report.new.results]),
        old=replace(report.old, results=[replace(fails, version=OLD), *report.old.results]),
    )
    html = render(report)
    cases = html[html.index('id="cases"') : html.index('id="worst"')]
    assert "3 of 5 cases fail" in cases
    assert cases.index("observatory-1-line-10") < cases.index("a-old-trouble")
    assert cases.count("passed before") == 2
    assert "failed before too" in cases
    assert "expected &#x27;built in 2009" in cases


def test_only_runs_over_the_same_cases_are_history() -> None:
    html = render(whole())
    assert "1 earlier run over another golden set" in html
    assert html.count("<title>2026-") > 20
    assert 'aria-label="pages: cer over 10 runs"' in html


@pytest.mark.parametrize("verdicts", [(), (making.verdict(),)])
def test_a_first_run_has_no_history_and_says_so(verdicts: tuple[Verdict, ...]) -> None:
    new, _ = making.sides()
    html = render(report_of(making.run(*verdicts), new))
    assert "there is no history yet" in html
    assert "What was measured" in html


def test_a_run_that_measured_nothing_is_still_a_page() -> None:
    html = render(report_of(replace(making.run(), baselines={}), Side()))
    assert "nothing to judge" in html
    assert "Nothing was measured." in html
    assert Tags(html).crossed == []


def test_one_result_is_enough() -> None:
    result = Result("golden", "one", "cer", "pages", NEW, 0.25, True, "fine")
    html = render(report_of(making.run(), Side([result])))
    assert "25.0 %" in html
    assert "All 1 case passed" in html


def test_a_page_that_a_side_lost_is_shown() -> None:
    new, old = making.sides()
    lost = [replace(one, documents=()) for one in new.readings]
    results = [
        Result(
            "live", f"{DOC}#1", "failed_page", "pages", version, value, doc_id=DOC, page_number=1
        )
        for version, value in ((NEW, 1.0), (OLD, 0.0))
    ]
    report = report_of(making.run(), Side(results[:1], lost), Side(results[1:], old.readings))
    html = render(report)
    assert "new does not have it" in html
    assert "<del>" in html


def test_numbers_that_are_none_are_shown_as_none() -> None:
    values = [float("nan"), float("inf"), float("-inf"), -0.0, 1e300, 1e-12]
    results = [
        Result("live", f"c{n}", "cer", "pages", NEW, value) for n, value in enumerate(values)
    ]
    html = render(report_of(making.run(), Side(results)))
    assert not re.search(r'(?:x|y|cx|x1|x2)="-?(?:nan|inf)', html)
    assert Tags(html).crossed == []


def many(n: int) -> tuple[Side, Side]:
    """A side of `n` results over pages of 5,000 characters, and the old one."""
    text = "\n".join(making.true_pages()) * 2

    def side(version: str, error: float, changed: str) -> Side:
        texts = [text[:5_000].replace("the", changed)] * (n // 4)
        results = [
            Result(
                "live", f"{DOC}#{page}@clean", metric, "pages", version, error + page / n,
                explanation="4 of 61 lines of the truth are missing, first: 'A line'" * 3,
                doc_id=DOC, page_number=page,
            )
            for page in range(1, n // 4 + 1)
            for metric in ("cer", "wer", "words_missing", "order")
        ]  # fmt: skip
        return Side(results, [making.readings(texts, version)])

    return side(NEW, 0.2, "tbe"), side(OLD, 0.1, "the")


def test_a_thousand_results_stay_under_three_megabytes() -> None:
    new, old = many(1_000)
    report = report_of(making.run(making.verdict()), new, old, history=making.history(60))
    images = {pair.key: b"\xff\xd8" + bytes(300_000) for pair in worst_pages(report)}
    html = render(replace(report, pictures=Pictures(images)))
    assert len(html.encode()) < 3_000_000
    assert html.count("data:image/jpeg;base64,") == 4
    assert html.count("the report would be too large") == 6
    assert "1,000 results" in html


def test_of_ever_so_many_results_the_worst_are_listed() -> None:
    results = [Result("live", f"case-{n}", "cer", "pages", NEW, n / 9_000) for n in range(9_000)]
    html = render(report_of(making.run(), Side(results)))
    listed = re.search(r"([\d,]+) of 9,000 results", html)
    assert listed is not None
    assert int(listed[1].replace(",", "")) > 1_000
    assert "case-8999<" in html
    assert "case-2000<" not in html


def test_no_text_makes_it_larger() -> None:
    text = "\n'\u202e x" * 5_000

    def side(version: str, text: str, error: float) -> Side:
        results = [
            Result("live", f"{page}{text}", "cer", "pages", version, error, False, text,
                   doc_id=DOC, page_number=page)
            for page in range(1, 501)
        ]  # fmt: skip
        return Side(results, [making.readings([text] * 5, version)])

    evil = replace(making.verdict(), reasons=(text,) * 99)
    report = report_of(
        replace(making.run(evil), notes=(text,) * 99),
        side(NEW, text, 0.2),
        side(OLD, text[::-1], 0.1),
    )
    pairs = worst_pages(report)
    images = {pair.key: bytes(300_000) for pair in pairs}
    html = render(replace(report, pictures=Pictures(images)), pairs)
    assert len(html.encode()) < 3_000_000
    assert "its texts are left out" in html


def hostile() -> Report:
    """Everything that comes from outside is the same evil text."""
    evil_run = replace(
        making.run(),
        run_id=EVIL,
        golden=EVIL,
        versions={EVIL: EVIL},
        baselines={EVIL: EVIL + "b"},
        notes=(EVIL,),
        verdicts=(
            replace(
                making.verdict(),
                stage=EVIL,
                version=EVIL,
                baseline=EVIL,
                reasons=(EVIL,),
                comparisons=tuple(
                    replace(c, metric=EVIL, explanation=EVIL)
                    for c in making.verdict().comparisons[:1]
                ),
            ),
        ),
    )
    sides = []
    for text in (EVIL * 3, EVIL + " and " + EVIL + "\n" + "x" * 10_000_000):
        results = [
            Result("live", EVIL, EVIL, stage, EVIL, 0.1 * len(text) / 1e7, False, text, doc_id=DOC,
                   page_number=page)
            for stage, page in ((EVIL, 1), ("pages", 2))
        ]  # fmt: skip
        read = _evil_readings(text)
        sides.append(Side(results, [read]))
    history = [past_of(replace(evil_run, run_id=f"{EVIL}{n}"), sides[0].results) for n in (1, 2)]
    return report_of(
        evil_run,
        sides[1],
        sides[0],
        history=history,
        pictures=Pictures(reasons={(DOC, 1): EVIL}),
        lake=EVIL,
    )


def _evil_readings(text: str) -> Readings:
    read = making.readings([text, text], NEW, uri=EVIL, summary=text)
    (document,) = read.documents
    pages = tuple(
        replace(page, engine=EVIL, status=EVIL, error_class=EVIL) for page in document.pages
    )
    return replace(read, documents=(replace(document, file_name=EVIL, title=EVIL, pages=pages),))


def test_text_of_a_document_cannot_act() -> None:
    html = render(hostile())
    tags = Tags(html)
    assert tags.crossed == []
    allowed = {
        "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section",
        "article", "div", "h1", "h2", "h3", "h4", "p", "ul", "li", "a", "span", "code", "table",
        "thead", "tbody", "tr", "th", "td", "small", "b", "figure", "figcaption", "img", "input",
        "label", "details", "summary", "dl", "dt", "dd", "del", "ins", "mark", "svg", "line",
        "circle", "path", "text",
    }  # fmt: skip
    assert {tag for tag, _ in tags.tags} <= allowed
    assert sum(tag == "style" for tag, _ in tags.tags) == 1
    for _, attributes in tags.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        for key in ("src", "href", "xlink:href"):
            assert str(attributes.get(key) or "#").startswith(("#", "data:image/jpeg"))
    assert not set("\u202e\u2066\x1b\x00\x9b\ufeff\U000e0041\ud800") & set(html)
    assert "\\u202e" in html
    assert len(html) < 3_000_000
    _check_policy(html, tags.tags)


def _check_policy(html: str, tags: Sequence[tuple[str, dict[str, str | None]]]) -> None:
    policy = next(a["content"] for t, a in tags if a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    (sheet,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy


def test_every_chart_says_what_it_shows() -> None:
    tags = Tags(render(whole())).tags
    charts = [attributes for tag, attributes in tags if tag == "svg" and attributes.get("role")]
    assert len(charts) > 8
    assert all(attributes["role"] == "img" for attributes in charts)
    assert all(attributes["aria-label"] for attributes in charts)
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for tag, attributes in tags if tag == "a"}
    assert links <= set(ids)


@pytest.mark.parametrize(
    ("lake", "told"),
    [
        ("/data/lake", {"path": "/data/lake/_quire/evals/e1/report.html"}),
        ("s3://bucket/lake/", {"url": "s3://bucket/lake/_quire/evals/e1/report.html"}),
    ],
)
def test_where_a_report_lies(lake: str, told: dict[str, str]) -> None:
    assert report_metadata(lake, "e1") == told


def test_engines_are_told_from_versions() -> None:
    assert engine_of("summaries-r12-openai_batch-0123456789ab") == "openai_batch"
    assert engine_of("odd") == "odd"


def test_metrics_are_compared_over_the_units_that_both_have() -> None:
    def results(version: str, values: dict[str, float]) -> list[Result]:
        return [Result("live", case, "cer", "pages", version, v) for case, v in values.items()]

    new = Side(results(NEW, {"a": 0.2, "b": 0.4, "c": 9.0}))
    old = Side(results(OLD, {"a": 0.1, "b": 0.1, "d": 5.0}))
    (row,) = metric_rows(Report("x", new=new, old=old))
    assert row.n == 2
    assert row.new == pytest.approx(0.3)
    assert row.old == pytest.approx(0.1)


def test_costs_become_points_of_history() -> None:
    run: EvalRun = making.run()
    new, old = making.sides()
    past = past_of(run, [*new.results, *old.results])
    assert {seen.version: seen.seconds for seen in past.seen} == {NEW: 0.9, OLD: 2.4}
    assert "pages: cer against seconds a page" in render(report_of(run, new, old))
