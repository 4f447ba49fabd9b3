"""Cutting batches: every file once, in order, within every limit, always the same way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensors.batching import MAX_IMAGE_BYTES, CutRule, cut_batches, predicted_seconds

SIZES = st.lists(st.integers(min_value=0, max_value=2**33), max_size=60)
RULES = st.builds(
    CutRule,
    seconds=st.floats(min_value=1, max_value=3000),
    max_docs=st.integers(min_value=1, max_value=20),
    workers=st.integers(min_value=1, max_value=64),
    layout=st.booleans(),
)


@given(SIZES, RULES)
def test_batches_hold_every_file_once_in_order_and_within_limits(
    sizes: list[int], rule: CutRule
) -> None:
    cuts = cut_batches(sizes, rule)
    assert sum(cut.n_files for cut in cuts) == len(sizes)
    assert cuts == cut_batches(sizes, rule)
    first = 0
    for cut in cuts:
        files = sizes[first : first + cut.n_files]
        first += cut.n_files
        assert 1 <= len(files) <= rule.max_docs
        if len(files) > 1:
            assert sum(predicted_seconds(n, rule) for n in files) <= rule.seconds * 1.000001
            assert sum(files) <= MAX_IMAGE_BYTES
    assert all(cut.full for cut in cuts[:-1])
