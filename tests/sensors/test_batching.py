"""Cutting batches: every file once, in order, within every limit, always the same way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resources.landing.sightings import Sighting
from sensors.batching import MAX_IMAGE_BYTES, CutRule, cut_batches, predicted_seconds

SIZES = st.lists(st.integers(min_value=0, max_value=2**33), max_size=60)
RULES = st.builds(
    CutRule,
    seconds=st.floats(min_value=1, max_value=3000),
    max_docs=st.integers(min_value=1, max_value=20),
    workers=st.integers(min_value=1, max_value=64),
    layout=st.booleans(),
)


def sightings(sizes: list[int]) -> list[Sighting]:
    return [
        Sighting(f"file:///{n}.pdf", f"{n}.pdf", size, None, None) for n, size in enumerate(sizes)
    ]


@given(SIZES, RULES)
def test_batches_hold_every_file_once_in_order_and_within_limits(
    sizes: list[int], rule: CutRule
) -> None:
    files = sightings(sizes)
    cuts = cut_batches(files, rule)
    assert [s for cut in cuts for s in cut.files] == files
    assert cuts == cut_batches(files, rule)
    for cut in cuts:
        assert 1 <= len(cut.files) <= rule.max_docs
        if len(cut.files) > 1:
            assert sum(predicted_seconds(s, rule) for s in cut.files) <= rule.seconds * 1.000001
            assert sum(s.n_bytes for s in cut.files) <= MAX_IMAGE_BYTES
    assert all(cut.full for cut in cuts[:-1])
