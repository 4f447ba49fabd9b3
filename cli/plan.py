"""`quire plan`: what the next ingest would do, how long it would take, and what it would cost.

Here: the command and its words. Not here: the numbers (`sensors/plan.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import typer

from cli import spending
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.terminal import say, say_json
from resources.budget.amounts import Amount, Budget
from resources.errors import SettingError
from resources.settings import absolute_location
from sensors.plan import Plan, Work, make_plan

_LEFT_LISTED: Final = 10
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000
_SHORT: Final = 10
_MINUTES: Final = 120
_HOURS: Final = 2 * 3600


def plan(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of PDFs, or single PDFs; the landing zone when not given."),
    ] = None,
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what quire ingest would do, and what that takes; nothing is taken or changed."""
    opened = open_lake(lake, quiet=as_json, may_be_new=True)
    locations = [absolute_location(path, Path.cwd()) for path in paths or ()]
    locations = locations or [opened.settings.landing]
    batches = opened.states().batches.filter(pl.col("state").is_in(["waiting", "stuck"]))["batch"]
    found = make_plan(opened.lake, opened.settings, locations, batches.to_list())
    if not found.seen and found.nothing:
        raise SettingError(
            f"no PDFs under {', '.join(locations)}: put some there, or give another folder"
        )
    if as_json:
        say_json(_as_json(opened, locations, found))
    else:
        _say(opened, locations, found)


def _as_json(opened: Opened, locations: list[str], found: Plan) -> dict[str, Any]:
    amount, budget = found.summaries, Budget.of(opened.settings)
    left = spending.standing(opened).left(budget)
    return {
        "lake": opened.lake.root,
        "locations": locations,
        "seen": found.seen,
        "known": found.known,
        "left": [{"uri": uri, "why": why} for uri, why in found.left],
        "new": asdict(found.new),
        "unfinished": asdict(found.unfinished),
        "workers": opened.settings.workers,
        "from_runs": found.n_runs,
        "summaries": None if amount is None else _models(opened, amount),
        "budget_left": {"usd": left.usd, "tokens": left.tokens},
        "within_budget": amount is None or left.takes(amount),
    }


def _models(opened: Opened, amount: Amount) -> dict[str, Any]:
    return {
        "summariser": opened.settings.summariser,
        "model": opened.settings.model,
        "calls": amount.calls,
        "input_tokens": amount.input_tokens,
        "output_tokens": amount.output_tokens,
        "usd": amount.usd,
    }


def _say(opened: Opened, locations: list[str], found: Plan) -> None:
    say(f"landing: {', '.join(locations)}")
    say(f"{found.seen:,} PDFs seen: {found.new.files:,} new, {found.known:,} known already")
    for uri, why in found.left[:_LEFT_LISTED]:
        say(f"left {uri}: {why}")
    if len(found.left) > _LEFT_LISTED:
        say(f"... and {len(found.left) - _LEFT_LISTED:,} more are left: --json lists all")
    if found.nothing:
        say("nothing to do")
        return
    workers = opened.settings.workers
    if found.new.files:
        new = _many(found.new.files, "new file", "new files")
        _say_work(f"{new} ({_size(found.new.n_bytes)})", found.new, workers)
    if found.unfinished.files:
        files = _many(found.unfinished.files, "file", "files")
        _say_work(f"{files} not finished yet", found.unfinished, workers)
    _say_trust(found)
    if found.summaries is not None:
        _say_models(opened, found.summaries)
    say("nothing was taken or changed: quire ingest does it")


def _say_work(what: str, work: Work, workers: int) -> None:
    say(
        f"{what} in {_many(work.batches, 'batch', 'batches')}: about {work.pages:,} pages, "
        f"{work.ocr_pages:,} of them for OCR; {_duration(work.worker_seconds)} of work, "
        f"{_duration(work.seconds)} on {_many(workers, 'worker', 'workers')}"
    )


def _say_trust(found: Plan) -> None:
    if found.n_runs:
        say(f"by the bytes of the files and what {_many(found.n_runs, 'run', 'runs')} took here")
    else:
        say("by the bytes of the files and defaults: after a few runs it is what they took here")


def _say_models(opened: Opened, amount: Amount) -> None:
    settings = opened.settings
    cost = "of unknown cost (QUIRE_PRICES)" if amount.usd is None else _usd(amount.usd)
    say(
        f"summaries by {settings.model or settings.summariser}: about {amount.calls:,} calls, "
        f"{amount.input_tokens:,} tokens read, {amount.output_tokens:,} written, {cost}; "
        "the model's own time comes on top"
    )
    budget = Budget.of(settings)
    if not budget.limited:
        return
    left = spending.standing(opened).left(budget)
    usd = None if left.usd is None else _usd(left.usd)
    tokens = None if left.tokens is None else f"{left.tokens:,.0f} tokens"
    fits = "that is within" if left.takes(amount) else "that is over"
    say(f"{fits} what the budget has left: {' and '.join(filter(None, (usd, tokens)))}")


def _usd(amount: float) -> str:
    return f"{amount:,.2f} USD" if amount >= 1 else f"{amount:.4f} USD"


def _many(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTES:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < _HOURS else f"{seconds / 3600:,.1f} h"


def _size(n_bytes: float) -> str:
    for unit in _UNITS:
        if n_bytes < _THOUSAND - 0.5 or unit == _UNITS[-1]:
            break
        n_bytes /= _THOUSAND
    return f"{n_bytes:.1f} {unit}" if n_bytes < _SHORT else f"{n_bytes:,.0f} {unit}"
