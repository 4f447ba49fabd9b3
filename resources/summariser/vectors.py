"""TF-IDF rows of sentences, and products with them, in numpy alone.

Here: weights and a sparse matrix with the three products that ranking needs. Not here: what the
terms of a sentence are, or what is done with likeness (`extractive.py`). scikit-learn and scipy do
the same; they took 1.7 s of every worker's start and 150 MB of every installation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class SparseRows:
    """A matrix of few values, row by row.

    Attributes:
        rows, columns, values: place and value of each entry, ordered by row.
        shape: number of rows and of columns.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: Vector
    shape: tuple[int, int]

    def times(self, vector: Vector) -> Vector:
        """The product with a vector of `shape[1]` values."""
        products = self.values * vector[self.columns]
        return _sums(self.rows, products, self.shape[0])

    def transposed_times(self, vector: Vector) -> Vector:
        """The product of the transposed matrix with a vector of `shape[0]` values."""
        products = self.values * vector[self.rows]
        return _sums(self.columns, products, self.shape[1])

    def row(self, number: int) -> Vector:
        """One row, zeros written out."""
        start, end = np.searchsorted(self.rows, (number, number + 1))
        written = np.zeros(self.shape[1])
        written[self.columns[start:end]] = self.values[start:end]
        return written

    def squares(self) -> Vector:
        """The product of each row with itself."""
        return _sums(self.rows, self.values**2, self.shape[0])


def _sums(places: NDArray[np.intp], values: Vector, n: int) -> Vector:
    """The sum of the values at each of `n` places."""
    return np.bincount(places, weights=values, minlength=n).astype(np.float64, copy=False)


def tf_idf(sentences: Sequence[Sequence[str]], max_share: float) -> SparseRows | None:
    """A row of length 1 per sentence (of zeros without terms), a column per term.

    The weight of a term that occurs f times in one sentence, and at all in d of n, is
    (1 + ln f) (ln((1 + n) / (1 + d)) + 1), as in scikit-learn's `TfidfVectorizer` with
    `sublinear_tf`.

    Args:
        sentences: The terms of each sentence.
        max_share: Terms of more than this share of the sentences are left out.

    Returns:
        None when no term is left.
    """
    columns: dict[str, int] = {}
    entries: list[int] = []
    counts: list[int] = []
    lengths: list[int] = []
    for terms in sentences:
        found = Counter(terms)
        entries.extend([columns.setdefault(term, len(columns)) for term in found])
        counts.extend(found.values())
        lengths.append(len(found))
    n = len(sentences)
    rows, at = np.repeat(np.arange(n), lengths), np.array(entries, dtype=np.intp)
    occurs = np.bincount(at, minlength=len(columns))
    kept = (occurs <= max_share * n)[at]
    if not kept.any():
        return None
    values = (1 + np.log(np.array(counts))) * (np.log((1 + n) / (1 + occurs)) + 1)[at]
    rows, at, values = rows[kept], at[kept], values[kept]
    lengths_of = np.sqrt(_sums(rows, values**2, n))
    return SparseRows(rows, at, values / lengths_of[rows], (n, len(columns)))
