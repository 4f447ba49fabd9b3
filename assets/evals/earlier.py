"""Measures that were made of a batch before, by what they were made of.

Here: the object that holds them between runs. Not here: who measures (`alone.py`,
`self_grading.py`). A batch runs up to three times while a document of it fails, and again after an
upgrade: what it is asked then is asked of the rows that changed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Final

import orjson
import polars as pl

from assets.evals.base import METRICS, Measure
from resources.lake.lake import Lake

FOLDER: Final = "_quire/evals/earlier"
_SCHEMA: Final = pl.Schema(
    {"key": pl.String(), "metric": pl.String(), "value": pl.Float64(), "explanation": pl.String()}
)


class Earlier:
    """A batch's measures: those of its last run, and those that this one makes."""

    def __init__(self, lake: Lake, batch: str, revision: int) -> None:
        self._lake = lake
        self._revision = revision
        self._name = f"{FOLDER}/{batch}.parquet"
        self._known: dict[str, list[Measure]] = {}
        self._current: dict[str, Sequence[Measure]] = {}
        held = lake.get(self._name)
        if held is None:
            return
        for key, metric, value, explanation in pl.read_parquet(io.BytesIO(held)).iter_rows():
            measures = self._known.setdefault(key, [])
            if metric in METRICS:
                measures.append(Measure(metric, value, explanation))

    def key(self, *parts: object) -> str:
        """What measures are known by: everything that they are made of, and what makes them."""
        told = orjson.dumps([self._revision, *parts])
        return hashlib.blake2b(told, digest_size=16).hexdigest()

    def get(self, key: str) -> Sequence[Measure] | None:
        """The measures of something that has not changed since; None where there are none."""
        found = self._known.get(key)
        if found is not None:
            self._current[key] = found
        return found

    def add(self, key: str, measures: Sequence[Measure]) -> None:
        """Take measures that were made now."""
        self._current[key] = measures

    def save(self) -> None:
        """Keep those that this run made or asked for; the others are of rows that are gone."""
        rows = [
            (key, measure.metric, float(measure.value), measure.explanation)
            for key, measures in self._current.items()
            for measure in measures
        ]
        out = io.BytesIO()
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        frame.write_parquet(out, compression="zstd")
        self._lake.put(self._name, out.getvalue())
