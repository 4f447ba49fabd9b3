"""A folder of PDFs with a manifest, as bench.quality takes it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import pymupdf

PAGES = 3


def text_of(name: str, page: int) -> str:
    """The text of a page of a document."""
    return "\n\n".join(
        f"Sentence {n} on page {page} of {name} says that {word} is kept on shelf {n * page}."
        for n, word in enumerate(("paper", "glass", "brass", "timber", "linen", "wool"), start=1)
    )


def make_corpus(folder: Path, documents: Mapping[str, str], truths: Collection[str] = ()) -> None:
    """Documents by name and category, of PAGES pages each; true texts beside some."""
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "category", "password", "ground_truth", "note"])
        for name, category in documents.items():
            truth = f"{Path(name).stem}.txt" if name in truths else ""
            rows.writerow([name, category, "", truth, "with, a comma"])
            pages = [text_of(name, number) for number in range(1, PAGES + 1)]
            with pymupdf.open() as document:
                for text in pages:
                    document.new_page().insert_textbox((72, 72, 520, 700), text, fontsize=12)
                document.save(folder / name)
            if truth:
                (folder / truth).write_text("\f".join(pages), encoding="utf-8")
