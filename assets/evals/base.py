"""The words of evaluations: what was read, what was measured, and what was decided.

Here: the records that the modules of this room hand to each other. Not here: any measure
(`measures/`), any case (`cases.py`), any reading (`scratch.py`), or any judgement (`verdict.py`).

Every metric is an *error*: 0 is best, and greater is worse, so that one paired test fits them all.
Shares lie in 0..1; error rates (`cer`, `wer`) may pass 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Suite = Literal["golden", "live"]
Level = Literal["pass", "warn", "fail"]

METRICS: Final[Mapping[str, str]] = {
    # A page against its true text.
    "cer": "more characters are wrong",
    "wer": "more words are wrong",
    "words_missing": "text is missing",
    "words_invented": "text that is not on the page was added",
    "order": "text is in another order",
    "repeated": "text is repeated",
    # A page by itself.
    "garbage": "more characters are no text (U+FFFD, control, private use)",
    "unknown_words": "more words are no words",
    "repetition": "lines or phrases are repeated",
    "doubt": "OCR is less confident",
    "disagreement": "text layer and OCR disagree more",
    "failed_page": "more pages failed",
    # A document's summary against its source, or a reference.
    "unsupported_numbers": "numbers that the source does not have",
    "unsupported_names": "names that the source does not have",
    "novelty": "more words that the source does not have",
    "compression": "the length does not fit the source",
    "language": "another language than the source's",
    "rouge_l": "less of the reference is said",
    "failed_summary": "more summaries failed",
    # A golden case that expects something of a page or a document.
    "text_present": "expected text is gone",
    "text_absent": "text came that must not be there",
    "text_order": "one text does not stand before the other",
    "table_cell": "a table's cell is gone or wrong",
    "image_count": "the number of images changed",
    "summary_facts": "facts are missing, or there are some that must not be",
}
"""Every metric by name, with the words that say what is wrong when it grows."""
STAGE_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(METRICS, "pages"),
    **dict.fromkeys(
        (
            "unsupported_numbers",
            "unsupported_names",
            "novelty",
            "compression",
            "language",
            "rouge_l",
            "failed_summary",
            "summary_facts",
        ),
        "summaries",
    ),
    "image_count": "images",
}
"""The stage that answers for a metric; a case may name another."""


@dataclass(frozen=True)
class Measure:
    """One number about one page or document, with the words that explain it."""

    metric: str
    value: float
    explanation: str = ""


@dataclass(frozen=True)
class Result:
    """A measure of a case under a version: a row of `evals` without its run and time.

    Attributes:
        suite: `golden` for the golden set, `live` for documents of the lake.
        case_id: The case; of a page without a case, what tells it for ever: `<doc_id>#<page>`, with
            `@<degradation>` when a picture of it was read.
        metric: One of `METRICS`.
        subject: The stage that is measured.
        version: The version that is measured.
        value: The error.
        passed: False when it is over its own limit; None where there is no limit, and only the
            comparison decides.
        explanation: What was expected, and what was found.
        batch: None for golden cases.
        doc_id: None for golden cases.
        page_number: From 1; None for golden cases and whole documents.
    """

    suite: Suite
    case_id: str
    metric: str
    subject: str
    version: str
    value: float
    passed: bool | None = None
    explanation: str = ""
    batch: str | None = None
    doc_id: str | None = None
    page_number: int | None = None


@dataclass(frozen=True)
class PageReading:
    """A page as a version of `pages` read it."""

    doc_id: str
    page_number: int
    status: str
    text: str
    markdown: str = ""
    source: str = "none"
    engine: str | None = None
    confidence: float | None = None
    n_images: int = 0
    error_class: str | None = None


@dataclass(frozen=True)
class DocumentReading:
    """A document as it was stitched and summarised; pages in order.

    `summary` is None where `summaries` was not run.
    """

    doc_id: str
    file_name: str
    uri: str
    status: str
    title: str | None = None
    markdown: str = ""
    pages: tuple[PageReading, ...] = ()
    summary: str | None = None
    summary_status: str | None = None
    n_images: int = 0
    error_class: str | None = None


@dataclass(frozen=True)
class Readings:
    """Some documents as one set of versions read them.

    Attributes:
        versions: The version of every stage that was run, by stage.
        documents: In the order of their file names.
        seconds: Wall-clock seconds of each stage that was run.
        cost_usd: What models cost; None when a price is not known.
    """

    versions: Mapping[str, str]
    documents: tuple[DocumentReading, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float | None = 0.0


@dataclass(frozen=True)
class Limits:
    """When a difference is a regression.

    Attributes:
        warn: Mean worsening over which a sure difference is told of (QUIRE_EVAL_WARN).
        fail: Mean worsening over which a sure difference rejects a version (QUIRE_EVAL_FAIL).
        alpha: A difference is sure when fewer than this share of resampled means deny it.
    """

    warn: float = 0.005
    fail: float = 0.01
    alpha: float = 0.001


@dataclass(frozen=True)
class Comparison:
    """One metric of a version against a baseline, over the same units.

    Attributes:
        suite: Of which suite the units are.
        metric: One of `METRICS`.
        n: Units that both have.
        baseline_mean: Mean error of the baseline.
        mean: Mean error of the version.
        difference: `mean - baseline_mean`; positive is worse.
        low: Of the difference, the bound that it passes with confidence `1 - alpha`.
        level: `fail`, `warn` or `pass`.
        explanation: One sentence that names what is wrong, with the numbers.
        worst: Case ids in which the version is worse than the baseline, the worst first; ten at
            most.
    """

    suite: Suite
    metric: str
    n: int
    baseline_mean: float
    mean: float
    difference: float
    low: float
    level: Level
    explanation: str
    worst: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What was decided about one version of one stage.

    Attributes:
        stage: The stage.
        version: The version that was judged.
        baseline: The accepted version it was compared with; None where the lake has none, or none
            that could be read with, and then only limits of cases decide.
        accepted: Whether its rows may be published.
        reasons: Why not, or what to look at; one sentence each, the gravest first.
        comparisons: Every metric that could be compared.
    """

    stage: str
    version: str
    baseline: str | None
    accepted: bool
    reasons: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class EvalRun:
    """One run of the evaluation, as it is kept under `_quire/evals/<run_id>/run.json`.

    Attributes:
        run_id: Its name, `e` and a time, unique in the lake.
        started_at: When.
        versions: The versions that were measured, by stage.
        baselines: The versions that they were compared with, by stage; without what had none.
        golden: Hash of the golden set, so that only runs over the same cases are compared.
        n_cases: Cases of the golden set.
        n_pages: Pages that were read.
        verdicts: One per stage whose version had to be judged.
        seconds: Wall-clock seconds of the whole run.
        cost_usd: What models cost.
        notes: What could not be compared, and why; one sentence each.
        seconds_a_page: By version, the time that its stage took for a page.
        usd_a_document: By version, what a document cost; without what has no known price.
    """

    run_id: str
    started_at: datetime
    versions: Mapping[str, str]
    baselines: Mapping[str, str]
    golden: str
    n_cases: int
    n_pages: int
    verdicts: tuple[Verdict, ...] = ()
    seconds: float = 0.0
    cost_usd: float | None = 0.0
    notes: tuple[str, ...] = ()
    seconds_a_page: Mapping[str, float] = field(default_factory=dict)
    usd_a_document: Mapping[str, float] = field(default_factory=dict)


def undecided(run: EvalRun) -> tuple[str, ...]:
    """Stages of a run that have no verdict: one before them was rejected."""
    told = {verdict.stage for verdict in run.verdicts}
    return tuple(stage for stage in run.baselines if stage not in told)


def is_rejected(run: EvalRun) -> bool:
    """Whether any version of a run was rejected, or could not be judged."""
    return bool(undecided(run)) or not all(verdict.accepted for verdict in run.verdicts)
