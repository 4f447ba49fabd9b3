"""Whatever an engine does, every document has one record, and no question is asked twice."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.summaries.asking import Asking
from assets.summaries.documents import Document
from assets.summaries.generate import Generating
from assets.summaries.prompt import Limits
from io_managers import completions as completions_module
from io_managers.completions import Completions
from resources.errors import ErrorClass
from resources.lake.lake import Lake
from tests.scripted_llm import Scripted
from tests.summary_stage import long, short

TEXTS = [
    *(short(i).body for i in range(6)),
    long("a", 6).body,
    f"{short(9).body}\n\n{long('b', 6).body}",
    "",
]
FAULTS = [ErrorClass.TIMEOUT, ErrorClass.BUDGET, ErrorClass.REFUSED, ErrorClass.MEMORY]


def once(
    texts: list[int], engine: Scripted, completions: Completions, window: int
) -> tuple[Counter[str], Counter[str]]:
    """One run: how often each document had a record, and how often each question was asked."""
    asking = Asking(engine, Limits(60))
    rows = [{"status": "ok", "markdown": TEXTS[i]} for i in texts]
    documents = [Document(f"doc {n}", asking, row) for n, row in enumerate(rows)]
    windows = (
        list(part)
        for _, part in itertools.groupby(documents, lambda d: documents.index(d) // window)
    )
    records = list(Generating(completions, windows).run(engine))
    statuses = {record.doc_id: record.status for record in records}
    assert all((TEXTS[i] == "") == (statuses[f"doc {n}"] == "empty") for n, i in enumerate(texts))
    spent = sum(record.cost_usd or 0 for record in records)
    assert spent <= 0.001 * len(engine.asked) + 1e-9
    return Counter(r.doc_id for r in records), Counter(r.key for r in engine.asked)


@given(
    texts=st.lists(st.integers(0, len(TEXTS) - 1), max_size=14),
    faults=st.dictionaries(
        st.sampled_from(["town 2 ", "town 4 ", "Section 3 ", "town 9 "]), st.sampled_from(FAULTS)
    ),
    bad=st.sets(st.sampled_from(["town 1 ", "town 3 ", "Section 2 ", "Section 5 "])),
    at_once=st.integers(1, 20),
    window=st.integers(1, 6),
    threaded=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_one_record_a_document_and_one_call_a_question(
    texts: list[int],
    faults: dict[str, ErrorClass],
    bad: set[str],
    at_once: int,
    window: int,
    threaded: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        completions = Completions(Lake(folder), "b00000001")
        first = Scripted(
            faults=faults, once=dict.fromkeys(bad, "no"), at_once=at_once, threaded=threaded,
            context=1_500,
        )  # fmt: skip
        records, asked = once(texts, first, completions, window)
        assert records == Counter(f"doc {n}" for n in range(len(texts)))
        assert all(n == 1 for n in asked.values())
        completions.fold()
        second = Scripted(context=1_500, at_once=at_once)
        records, asked = once(texts, second, Completions(Lake(folder), "b00000001"), window)
        assert records == Counter(f"doc {n}" for n in range(len(texts)))
        assert all(n == 1 for n in asked.values())
        third = Scripted(context=1_500)
        once(texts, third, Completions(Lake(folder), "b00000001"), window)
        assert third.asked == []


def test_two_batches_at_once_pay_once_for_what_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step beside each other; only what both have in flight at a moment is asked twice."""
    monkeypatch.setattr(completions_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(completions_module, "LOOK_COST", 0)
    texts = [short(i).body for i in range(20)]
    engines = [Scripted(context=1_500, at_once=1) for _ in range(2)]
    runs = []
    for n, engine in enumerate(engines):
        asking = Asking(engine, Limits(60))
        order = texts if n else [*texts[5:], *texts[:5]]
        documents = [
            Document(f"doc {n} {i}", asking, {"status": "ok", "markdown": text})
            for i, text in enumerate(order)
        ]
        own = Completions(Lake(str(tmp_path / "lake")), f"b0000000{n}")
        runs.append(Generating(own, [documents]).run(engine))
    records = [r for pair in itertools.zip_longest(*runs) for r in pair if r is not None]
    assert [record.status for record in records] == ["ok"] * 40
    asked = Counter(request.key for engine in engines for request in engine.asked)
    assert len(asked) == 20
    assert sum(asked.values()) <= 22
