"""Several processes spend on one lake, and one is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from resources.budget.amounts import Budget
from resources.budget.books import Books
from resources.lake.lake import Lake
from resources.settings import REPOSITORY_ROOT


def spend(
    lake: Lake, run_id: str, log: Path, *, n: int, tokens: int, seconds: float
) -> subprocess.Popen[bytes]:
    arguments = [lake.root, run_id, str(tokens), str(n), str(log), str(seconds)]
    module = "tests.resources.budget.scripted"
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=REPOSITORY_ROOT)


def spent(log: Path) -> int:
    return sum(int(line) for line in log.read_text().split()) if log.exists() else 0


def test_processes_together_stay_within_the_budget(lake: Lake, tmp_path: Path) -> None:
    lake.ensure("usage")
    budget = 30_000
    logs = [tmp_path / f"{number}.log" for number in range(4)]
    children = [
        spend(lake, f"r{number}", log, n=150, tokens=budget, seconds=0.01)
        for number, log in enumerate(logs)
    ]
    for child in children:
        assert child.wait(60) == 0
    total = sum(spent(log) for log in logs)
    assert total <= budget
    assert total > 0.95 * budget
    standing = Books(lake).read(datetime.now(UTC))
    assert (standing.spent.tokens, standing.held.tokens) == (total, 0)


def test_a_killed_spender_counts_in_full_for_a_day(lake: Lake, tmp_path: Path) -> None:
    log = tmp_path / "killed.log"
    child = spend(lake, "killed", log, n=1_000, tokens=100_000, seconds=0.05)
    try:
        deadline = time.monotonic() + 30
        while spent(log) < 20 * 130 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait(10)
    now = datetime.now(UTC)
    standing = Books(lake).read(now)
    paid = spent(log)
    assert paid >= 20 * 130
    assert standing.spent.tokens <= paid <= standing.spent.tokens + standing.held.tokens
    assert standing.held.tokens <= 0.2 * 100_000
    later = Books(lake).read(now + timedelta(hours=25))
    assert (later.spent.tokens, later.held.tokens) == (standing.spent.tokens, 0)
    log.unlink()
    left = int(standing.left(Budget(tokens=100_000)).tokens or 0)
    assert spend(lake, "next", log, n=2_000, tokens=100_000, seconds=0).wait(60) == 0
    assert 0.98 * left < spent(log) <= left
