"""Which three letters stand in a row in English words: the table that unknown words are known by.

    python -m bench.letters --corpus FOLDER [--write]

Here: counting over the text layers of a folder of PDFs, and what the table tells, each fourth of
the documents judged by the others. `--write` writes it. Not here: how it is used
(`assets/evals/measures/plausible.py`).
"""

from __future__ import annotations

import argparse
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pymupdf

from assets.evals.measures.plausible import LETTERS, runs_of
from resources.summariser.language import guess_language

PAGES: Final = 80
"""Of each document: one of thousands must not be the language."""
LEAST: Final = 200
"""Words of a document that is judged."""
FOLDS: Final = 4
WRONG: Final = 0.1
_LEFT_OUT: Final = {"corrupt", "not_a_pdf", "zero_pages", "encrypted", "scan", "derived_scan"}
_WORD: Final = re.compile(r"(?<![\w/.@-])[A-Za-z][a-z]+(?![\w/@])")


def english(corpus: Path) -> list[list[str]]:
    """The words of every English document with a text layer, in lower case."""
    found = []
    for path in sorted(corpus.glob("*/*.pdf")):
        if path.parent.name in _LEFT_OUT:
            continue
        with pymupdf.open(path) as document:
            n = 0 if document.needs_pass else min(document.page_count, PAGES)
            text = "\n".join(document[i].get_text() for i in range(n))
        if guess_language(text) == "en":
            joined = re.sub(r"-\n(?=[a-z])", "", text)
            found.append([word.lower() for word in _WORD.findall(joined)])
    return found


def table(documents: Iterable[Sequence[str]]) -> set[str]:
    """Every run of three signs that a word of a document has."""
    return {run for words in documents for word in set(words) for run in runs_of(word)}


def misread(word: str, chance: random.Random) -> str:
    """A word with a tenth of its letters wrong, and at least one."""
    letters = list(word)
    for i in {
        chance.randrange(len(word)),
        *(i for i in range(len(word)) if chance.random() < WRONG),
    }:
        letters[i] = chance.choice("abcdefghijklmnopqrstuvwxyz".replace(letters[i], ""))
    return "".join(letters)


def told(documents: Sequence[Sequence[str]]) -> tuple[float, float]:
    """The share of words taken for none, as they are and misread, each by the other documents."""
    chance = random.Random(0)
    alarms, hits = [], []
    for n, words in enumerate(documents):
        own = [word for word in words if len(word) >= LETTERS]
        if len(own) < LEAST:
            continue
        known = table(d for i, d in enumerate(documents) if i % FOLDS != n % FOLDS)
        alarms.append(sum(not runs_of(w) <= known for w in own) / len(own))
        hits.append(sum(not runs_of(misread(w, chance)) <= known for w in own) / len(own))
    return sum(alarms) / len(alarms), sum(hits) / len(hits)


def written(runs: Iterable[str]) -> str:
    """The table as its file has it: two signs, then all that may follow them."""
    after: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        after[run[:2]].add(run[2])
    return "".join(f"{start} {''.join(sorted(after[start]))}\n" for start in sorted(after))


def main() -> None:
    """Count, say what the table tells, and write it when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    documents = english(options.corpus)
    alarms, hits = told(documents)
    runs = table(documents)
    n_words = sum(map(len, documents))
    print(f"{len(documents)} documents, {n_words} words, {len(runs)} runs of three")
    print(f"taken for no words: {alarms:.1%} of words, {hits:.1%} of misread ones")
    if options.write:
        path = Path(__file__).parents[1] / "assets" / "evals" / "measures" / "english.txt"
        path.write_text(written(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
