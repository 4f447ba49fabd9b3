"""What people see: the asset graph and a preview, in a real browser."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.dev_server import free_port, make_dev, started, wait_for
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, make_place

_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.mark.browser
@pytest.mark.xdist_group("samples")
def test_the_ui_shows_the_graph_and_a_preview(ingested: tuple[Place, Any, Any]) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    place, _, report = ingested
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    server = ("dagster_webserver", "-w", "workspace.yaml", "-p", str(port))
    with started(place, *server), sync_playwright() as playwright:
        wait_for(f"{home}/server_info")
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.goto(f"{home}/asset-groups")
        for stage in ("files", "pages", "images", "docs", "summaries"):
            page.get_by_text(stage, exact=True).first.wait_for(timeout=60_000)
        page.goto(f"{home}/assets/pages?view=partitions&partition={report['batches'][0]}")
        page.get_by_text("[Show Markdown]").first.click(timeout=60_000)
        page.locator("img[src^='data:image/png']").first.wait_for(timeout=30_000)
        browser.close()


ODD = (
    "o'brien \"x\" OR 'a'='a.pdf",
    "<img src=x onerror=alert(1)>.pdf",
    "new\nline | pipe `tick`.pdf",
    "[click](javascript:alert(1)).pdf",
)


@pytest.mark.browser
def test_odd_names_are_only_text_in_the_ui(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    place = make_place(tmp_path / "place", layout="off")
    for number, name in enumerate(ODD):
        plain(place.landing / name, text=f"Document {number}")
    plain(tmp_path / "raw.pdf", text="No UTF-8")
    os.rename(tmp_path / "raw.pdf", os.fsencode(place.landing) + b"/caf\xe9 \xff.pdf")
    code, report = place.ingest()
    assert code == 0, report
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    server = ("dagster_webserver", "-w", "workspace.yaml", "-p", str(port))
    alerts: list[str] = []
    with started(place, *server), sync_playwright() as playwright:
        wait_for(f"{home}/server_info")
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.on("dialog", lambda dialog: alerts.append(dialog.message))
        page.goto(f"{home}/assets/files?view=partitions&partition={report['batches'][0]}")
        page.get_by_text("o'brien").first.wait_for(timeout=60_000)
        assert page.locator("img[src='x']").count() == 0
        assert page.locator("a[href^='javascript']").count() == 0
        browser.close()
    assert alerts == []


@pytest.mark.slow
def test_a_dropped_pdf_is_summarised_without_a_click(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", stable_seconds="5")
    with make_dev(place):
        plain(place.landing / "dropped.pdf", n_pages=2)
        deadline = time.monotonic() + 180
        while place.lake.read("summaries", ["status"]).is_empty():
            assert time.monotonic() < deadline, "no summary"
            time.sleep(1)
    assert place.lake.read("summaries")["status"].to_list() == ["ok"]
