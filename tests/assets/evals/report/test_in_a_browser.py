"""The report in a real browser: it asks nobody for anything, and fits a telephone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.evals.report.write import render
from tests.assets.evals.report.test_report import hostile, whole

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("make", "scheme", "viewport"),
    [(whole, "light", WIDE), (whole, "light", PHONE), (hostile, "dark", WIDE),
     (hostile, "dark", PHONE)],
)  # fmt: skip
def test_the_page_is_quiet_and_fits(
    browser: Any, tmp_path: Path, make: Any, scheme: str, viewport: dict[str, int]
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(make()), encoding="utf-8")
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert told == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    # The style sheet was let in by its hash, and nothing else was.
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "1240px"
    assert page.locator("main section").count() == page.locator("nav a").count()
    page.locator("nav a").last.click()
    page.close()
