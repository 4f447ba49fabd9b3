"""People at work through the proxy, in a real browser; and a foreign page in that browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any, Self

import pytest

from tests.deploy.proxy.place import READERS, Proxy

pytestmark = [pytest.mark.nginx, pytest.mark.browser, pytest.mark.xdist_group("proxy")]

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # It would keep foreign pages from 127.0.0.1 by itself, and the proxy is elsewhere in real life.
    "--disable-features=LocalNetworkAccessChecks",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]
_JOB = "/locations/quire/jobs/quarantine_list"
# What a page of the UI would send, had it a button for it.
_LAUNCH = """async () => (await fetch("/graphql", {
  method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({query: `mutation { launchRun(executionParams: {selector: {
    repositoryLocationName: "quire", repositoryName: "__repository__", jobName: "quarantine_list"
  }}) { __typename } }`})
})).status"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield started
        started.close()


class Visit:
    """A window of its own, what it was refused and what it heard by WebSocket."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": 1500, "height": 1000}, ignore_https_errors=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.refused: list[tuple[int, str, str]] = []
        self.heard: list[str] = []
        self.policy: list[str] = []
        self.page.on("response", self._response)
        self.page.on("console", self._console)
        self.page.on("websocket", lambda opened: opened.on("framereceived", self._frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _response(self, answer: Any) -> None:
        if answer.status >= 400 and ".test" in answer.url:
            self.refused.append((answer.status, answer.request.method, answer.url))

    def _console(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.policy.append(message.text)

    def _frame(self, frame: str) -> None:
        self.heard.append(json.loads(frame)["type"])


def test_an_operator_launches_a_run_and_a_reader_looks_on(browser: Any, proxy: Proxy) -> None:
    with Visit(browser) as operator, Visit(browser) as reader:
        page, theirs = operator.page, reader.page
        page.goto(f"{proxy.home()}/asset-groups?from=a&link=b")
        page.get_by_role("link", name="olga").click()
        for stage in ("files", "pages", "images", "docs", "summaries"):
            page.get_by_text(stage, exact=True).first.wait_for()
        assert page.url == f"{proxy.home()}/asset-groups?from=a&link=b"

        page.goto(f"{proxy.home()}{_JOB}/playground")
        page.get_by_role("button", name="Launch Run").click()
        page.wait_for_url("**/runs/*", timeout=60_000)
        path = page.url.removeprefix(proxy.home())
        theirs.goto(proxy.home(READERS) + path)
        theirs.get_by_role("link", name="rita").click()
        # No reload from here on: what both pages show comes through their sockets.
        for watched in (page, theirs):
            watched.get_by_text("RUN_SUCCESS").first.wait_for(timeout=90_000)
        assert "data" in operator.heard
        assert "data" in reader.heard
        record = "async path => (await fetch(path)).status"
        assert page.evaluate(record, path.replace("/runs/", "/download_debug/")) == 200
        assert page.evaluate(record, printed(proxy, path.rpartition("/")[2])) == 200
        assert page.get_by_role("button", name="Re-execute all").first.is_enabled()
        assert theirs.get_by_role("button", name="Re-execute all").first.is_disabled()
        assert (operator.refused, reader.refused) == ([], [])
        assert (operator.policy, reader.policy) == ([], [])
        assert theirs.evaluate(_LAUNCH) == 403
        ((status, method, _),) = reader.refused
        assert (status, method) == (403, "POST")


def printed(proxy: Proxy, run: str) -> str:
    """Where the UI downloads what the run's step printed."""
    events = "eventConnection { events { ... on LogsCapturedEvent { fileKey } } }"
    query = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ {events} }} }} }}'
    origin = {"Origin": proxy.home()}
    answer = proxy.ask("POST", "/graphql", headers=origin, json={"query": query}).json()
    found = answer["data"]["runOrError"]["eventConnection"]["events"]
    (key,) = {event["fileKey"] for event in found if "fileKey" in event}
    return f"/logs/{run}/compute_logs/{key}/err"


_FOREIGN = """<script type="module">
const home = "HOME", bad = encodeURIComponent(`MUTATION`);
const post = {method: "POST", mode: "no-cors", credentials: "include"};
const plain = {"Content-Type": "text/plain; application/json"};
const image = new Image(), socket = new WebSocket(home.replace("https", "wss") + "/graphql");
await Promise.allSettled([
  new Promise(done => { image.onerror = done; image.src = home + "/graphql?query=" + bad; }),
  new Promise(done => { socket.onclose = done; }),
  fetch(home + "/graphql?query=" + bad, post),
  fetch(home + "/graphql", {...post, headers: plain, body: JSON.stringify({query: `MUTATION`})}),
  fetch(home + "/report_asset_materialization/files", post),
]);
window.all_tried = true;
</script>"""


def test_a_foreign_page_in_the_same_browser_gets_nowhere(browser: Any, proxy: Proxy) -> None:
    from tests.deploy.proxy.test_attacks import mutation, partitions

    with Visit(browser) as visit:
        page = visit.page
        name, _, value = proxy.login.session("olga").partition("=")
        # The worst case: a cookie that goes along everywhere.
        cookie = {"name": name, "value": value, "url": proxy.home(), "secure": True}
        page.context.add_cookies([cookie | {"sameSite": "None"}])
        html = _FOREIGN.replace("HOME", proxy.home()).replace("MUTATION", mutation("foreign-page"))
        page.route(
            "https://evil.test/", lambda route: route.fulfill(body=html, content_type="text/html")
        )
        before = len(proxy.logged().splitlines())
        page.goto("https://evil.test/")
        page.wait_for_function("window.all_tried")
        lines = [json.loads(line) for line in proxy.logged().splitlines()[before:]]
        tried = [(line["method"], line["path"], line["status"]) for line in lines]
        assert sorted(tried) == [
            ("GET", "/graphql", 403),
            ("GET", "/graphql", 403),
            ("POST", "/graphql", 403),
            ("POST", "/graphql", 403),
            ("POST", "/report_asset_materialization/files", 403),
        ]
        page.goto(f"{proxy.home()}/graphql?query={mutation('foreign-link')}")
        assert visit.refused[-1][0] == 403
        assert not {"foreign-page", "foreign-link"} & partitions(proxy)
