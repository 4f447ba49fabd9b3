"""The golden set: PDFs whose contents are known, and the cases that say what must be read of them.

Here: the folder that QUIRE_GOLDEN names, or the default made of the project's own samples. Not
here: what a line of `cases.jsonl` may say (`cases.py`), or reading the PDFs (`reading.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.evals.cases import Case, golden_hash, load_cases
from resources.errors import SettingError
from resources.landing.listing import list_landing
from resources.landing.uris import display_name, path_of
from resources.settings import Settings
from resources.workers.folders import spool_folder

DEFAULT: Final = Path(__file__).parent / "golden"
"""Cases about the project's samples; their PDFs are made when they are needed."""


@dataclass(frozen=True)
class GoldenSet:
    """What versions are judged by.

    Attributes:
        folder: Where the PDFs lie.
        pdfs: By file name.
        cases: What must be read of them.
        of: Hash of the cases and of the PDFs' bytes: only readings of the same are compared.
    """

    folder: Path
    pdfs: Mapping[str, Path]
    cases: tuple[Case, ...]
    of: str


@contextmanager
def golden_set(settings: Settings) -> Iterator[GoldenSet]:
    """The golden set of the settings, for as long as it is looked at.

    Raises:
        SettingError: The folder has no PDFs or no cases, or a case is wrong; with the mend.
    """
    if settings.golden is not None:
        yield _load(Path(settings.golden))
        return
    with spool_folder() as scratch:  # one that a killed process leaves is swept
        folder = scratch / "golden"
        shutil.copytree(DEFAULT, folder)
        from resources.samples.make import make_samples  # half a second, with all it draws by

        make_samples(folder)
        wanted = {case.pdf for case in load_cases(folder)}
        for path in folder.glob("*.pdf"):
            if path.name not in wanted:
                path.unlink()
        yield _load(folder)


def _load(folder: Path) -> GoldenSet:
    found = list_landing(str(folder)).sightings["uri"]
    pdfs: dict[str, Path] = {}
    for uri in found:
        name, path = display_name(uri), Path(path_of(uri))
        if name in pdfs:
            raise SettingError(
                f"QUIRE_GOLDEN: {pdfs[name]} and {path} have one name, and cases tell PDFs by "
                "their names: rename one"
            )
        pdfs[name] = path
    if not pdfs:
        raise SettingError(
            f"QUIRE_GOLDEN={folder}: there is no PDF in it; put PDFs beside its cases.jsonl, or "
            "unset it to judge with Quire's own samples"
        )
    cases = tuple(load_cases(folder))
    if not cases:
        raise SettingError(
            f"QUIRE_GOLDEN={folder}: it has no cases; write one a line into {folder}/cases.jsonl "
            "(docs/evaluations.md shows one of each kind)"
        )
    for case in cases:
        if case.pdf not in pdfs:
            raise SettingError(
                f"QUIRE_GOLDEN={folder}: case {case.id} is about {case.pdf}, which is not there: "
                "put the PDF beside the cases, or mend its `pdf`"
            )
    return GoldenSet(folder, pdfs, cases, golden_hash(folder))
