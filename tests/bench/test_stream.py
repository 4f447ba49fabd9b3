"""A trickle over days, and a drop, through the policy that ingestion uses."""

from __future__ import annotations

from dataclasses import replace

from bench.stream import KEPT, drop, trickle
from resources.lake.rates import Rates
from resources.settings import load_settings
from sensors.batching import CALM_BATCHES

SETTINGS = replace(load_settings({}), workers=2)


def test_ten_a_minute_make_about_a_hundred_batches_a_day_and_none_waits_for_long() -> None:
    stream = trickle(10, 4, SETTINGS, Rates())
    assert stream.n_documents == 4 * 14_400
    assert stream.worst < 15 * 60
    assert stream.busiest_day < 1.5 * CALM_BATCHES
    assert stream.most_live < 5_000


def test_a_drop_never_floods_what_runs() -> None:
    stream = drop(200_000, SETTINGS, Rates(text_page=0.01, ocr_pages_a_byte=0.0), "a drop")
    assert stream.n_documents == 200_000
    assert stream.most_live <= KEPT + SETTINGS.max_batches
    assert stream.n_batches < 500
