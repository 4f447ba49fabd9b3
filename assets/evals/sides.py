"""The two sides of an evaluation: what each version read of the same, and what was measured of it.

Here: which parts of the golden set and of the lake are read for a plan, and what could not be. Not
here: reading one part (`reading.py`), measuring it (`measuring.py`), or a verdict
(`judge_stages.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assets.evals.base import Readings, Result
from assets.evals.golden_set import GoldenSet
from assets.evals.live_documents import DOCUMENTS_A_PAGE, published_summaries, sample_documents
from assets.evals.measuring import (
    Measured,
    measure_golden,
    measure_pictures,
    measure_summaries,
)
from assets.evals.pictures import SampledPage, make_pictures, sample_pages
from assets.evals.plan import Plan, Side
from assets.evals.reading import Reader
from assets.evals.scratch import copied_documents
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.folders import spool_folder

PARTS: Final = ("golden", "pages", "summaries")
"""What a side may have read: the golden set, the lake's pages, the lake's summaries."""
_OF_PAGES: Final = frozenset({"files", "pages"})


@dataclass
class Seen:
    """What one side read and scored.

    Attributes:
        golden: The golden set; None where it could not be read.
        parts: Readings by the name that they are kept under.
        measured: Of all parts.
    """

    golden: Readings | None = None
    parts: dict[str, Readings] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)

    @property
    def results(self) -> list[Result]:
        """All that was measured."""
        return self.measured.results

    def add(self, which: str, readings: Readings, measured: Measured) -> None:
        """Take in a part."""
        self.parts[which] = readings
        self.measured.add(measured)


@dataclass
class Sides:
    """Both sides, and what could not be compared."""

    new: Seen = field(default_factory=Seen)
    old: Seen = field(default_factory=Seen)
    notes: list[str] = field(default_factory=list)
    sampled: list[SampledPage] = field(default_factory=list)
    """Pages of the lake that were read as pictures."""


def read_sides(
    lake: Lake, settings: Settings, plan: Plan, golden: GoldenSet, reader: Reader
) -> Sides:
    """Read all that the plan's stages can be judged by.

    Raises:
        SettingError: An engine cannot be made of the settings.
        EngineError: An engine is missing or broken, or its budget is spent.
        LakeError: The lake cannot be read or written.
    """
    sides = Sides()
    read_golden(sides, plan, golden, reader)
    judged = set(plan.subjects)
    if settings.eval_pages and (not judged or judged & _OF_PAGES):
        _read_pages(lake, settings, plan, reader, sides)
    if settings.eval_pages and (not judged or "summaries" in judged):
        _read_summaries(lake, settings, plan, reader, sides)
    return sides


def read_golden(sides: Sides, plan: Plan, golden: GoldenSet, reader: Reader) -> None:
    """The golden set by both sides."""
    new = reader.golden(plan.new, golden, "golden-new")
    if new is None:
        raise ValueError("the current settings can always be read with")
    sides.new.golden = new
    sides.new.add("golden-new", new, measure_golden(new, golden.cases))
    if plan.old is None:
        return
    old = reader.golden(plan.old, golden, "golden-old", like=new)
    if old is None:
        named = ", ".join(plan.old.versions[stage] for stage in sorted(plan.old.missing))
        sides.notes.append(
            f"the golden set has no baseline: {named} cannot be made here any more, and no earlier "
            "evaluation kept what it read. Run quire evals run before a change, not only after it"
        )
        return
    sides.old.golden = old
    sides.old.add("golden-old", old, measure_golden(old, golden.cases))


def _read_pages(lake: Lake, settings: Settings, plan: Plan, reader: Reader, sides: Sides) -> None:
    """Pictures of the lake's own pages with a sound text layer."""
    sampled = sample_pages(lake, n=settings.eval_pages)
    if not sampled:
        return
    with spool_folder() as folder:
        place = Path(folder) / "pictures"
        place.mkdir()
        made = make_pictures(sampled, place, settings, reader.workers, alternate=True)
        sides.notes += _left_out(made.left_out)
        if not made.pictures:
            return
        sides.sampled += [picture.page for picture in made.pictures]
        for seen, side, which in _both(sides, plan, "pages"):
            read = reader.pictures(side, made.pictures, which)
            seen.add(which, read, measure_pictures(read, made.pictures))
            if len(read.documents) < len(made.pictures):
                sides.notes.append(
                    f"{len(made.pictures) - len(read.documents)} of {len(made.pictures)} pages of "
                    f"the lake have no baseline: {side.versions['pages']} cannot be made here"
                )


def _read_summaries(
    lake: Lake, settings: Settings, plan: Plan, reader: Reader, sides: Sides
) -> None:
    """Summaries of the lake's own documents; of the accepted version those that are published."""
    batches = sample_documents(lake, DOCUMENTS_A_PAGE * settings.eval_pages)
    documents = copied_documents(lake, list(batches))
    if not documents:
        return
    for seen, side, which in _both(sides, plan, "summaries"):
        published = published_summaries(lake, list(batches), side.versions["summaries"])
        read = reader.summaries(side, documents, published, which)
        seen.add(which, read, measure_summaries(read, batches))
        if len(read.documents) < len(documents):
            sides.notes.append(
                f"{len(documents) - len(read.documents)} of {len(documents)} documents of the lake "
                f"have no baseline: {side.versions['summaries']} cannot be made here, and their "
                "published summaries are of another version"
            )


def _both(sides: Sides, plan: Plan, name: str) -> Sequence[tuple[Seen, Side, str]]:
    both = [(sides.new, plan.new, f"{name}-new")]
    if plan.old is not None:
        both.append((sides.old, plan.old, f"{name}-old"))
    return both


def _left_out(reasons: dict[str, str]) -> list[str]:
    """Pages that there is no picture of, by reason."""
    counted = Counter(reason.partition(":")[0] for reason in reasons.values())
    return [
        f"{n} {'page' if n == 1 else 'pages'} of the lake left out of the sample: {reason}"
        for reason, n in sorted(counted.items())
    ]
