"""A landing zone, a lake and an instance for `quire` as `quire.py` here starts it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crashes.counting import NOTES
from tests.end_to_end.running import Place, contents

TABLES = (
    "manifest",
    "contents",
    "files",
    "pages",
    "images",
    "image_data",
    "docs",
    "summaries",
    "failures",
)
WORKERS = 2


class CountingPlace(Place):
    """Every slice is a micro-batch, and every page that is begun is noted."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.quire", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pages_read(self) -> Counter[str]:
        notes = self.root / NOTES
        return Counter(notes.read_text().splitlines()) if notes.exists() else Counter()

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of every table, without where and when the landing zone was."""
        return {table: [_anywhere(row) for row in contents(self.lake, table)] for table in TABLES}


def make_counting_place(root: Path, pdfs: Path, **settings: str) -> CountingPlace:
    root.mkdir()
    (root / "dagster_home").mkdir()
    shutil.copytree(pdfs, root / "landing")
    fast = {"LAYOUT": "off", "OCR": "off", "WORKERS": str(WORKERS)}
    return CountingPlace(root, {f"QUIRE_{k}": v for k, v in {**fast, **settings}.items()})


def _anywhere(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in ("uri", "owner_uri", "input_sha256", "mtime")}
