"""What the servers behind hear of a request, and the client of them: nginx before an echo."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.proxy.login import COOKIE, Login, login_server
from tests.deploy.proxy.place import HOST, READERS, free_port, nginx_running, trusting, values

pytestmark = [pytest.mark.nginx, pytest.mark.xdist_group("proxy")]


class _Echo(BaseHTTPRequestHandler):
    """Says what it was asked, and gives away more than a client should hear."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        said = {
            "method": self.command,
            "path": self.path,
            "headers": sorted([name.lower(), value] for name, value in self.headers.items()),
            "body": self.rfile.read(length).decode(),
        }
        body = json.dumps(said).encode()
        self.send_response(200)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Dagster-Call-Counts", "{}"),
            ("Referrer-Policy", "unsafe-url"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()


@dataclass(frozen=True)
class Front:
    """An nginx with nothing but echoes behind."""

    port: int
    login: Login
    folder: Path

    def ask(self, method: str, path: str, headers: list[tuple[str, str]], **given: Any) -> Any:
        named = any(name == "Host" for name, _ in headers)
        base = [*([] if named else [("Host", f"{HOST}:{self.port}")]), *headers]
        with httpx.Client(verify=trusting(), timeout=20) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}",
                headers=base,
                extensions={"target": path.encode()},
                **given,
            )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    echo = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=echo.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    folder, port = tmp_path_factory.mktemp("front") / "nginx", free_port()
    behind = echo.server_port
    with login_server() as login, nginx_running(folder, values(login.port, behind, behind, port)):
        yield Front(port, login, folder)
    echo.shutdown()
    echo.server_close()


FORGED = [
    (name, "admin")
    for name in (
        "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X_Forwarded_User",
        "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Auth-Request-User",
        "X-Auth-Request-Groups", "Remote-User", "X-Remote-User", "X-Amzn-Oidc-Data",
        "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Auth-Request-Redirect",
        "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "Authorization", "Forwarded",
    )
]  # fmt: skip


def test_dagster_hears_who_is_logged_in_and_nothing_that_the_client_claims(front: Front) -> None:
    own = f"{HOST}:{front.port}"
    headers = [*FORGED, ("X-Forwarded-For", "203.0.113.9"), ("Cookie", front.login.session("olga"))]
    asked = [("Origin", f"https://{own}"), ("Content-Type", "application/json"), *headers]
    answer = front.ask("POST", "/graphql?op=A&query=b", asked, content=b'{"query": "{v}"}')
    assert answer.status_code == 200
    said = answer.json()
    assert (said["method"], said["path"], said["body"]) == ("POST", "/graphql", '{"query": "{v}"}')
    assert said["headers"] == [
        ["content-length", "16"],
        ["content-type", "application/json"],
        ["host", own],
        ["x-forwarded-email", "olga@example.org"],
        ["x-forwarded-for", "127.0.0.1"],
        ["x-forwarded-groups", "quire-operators"],
        ["x-forwarded-host", own],
        ["x-forwarded-proto", "https"],
        ["x-forwarded-user", "olga"],
    ]
    page = front.ask("GET", "/runs?a=1", headers).json()
    assert page["path"] == "/"
    assert {name for name, _ in page["headers"]} == {name for name, _ in said["headers"]} - {
        "content-length",
        "content-type",
    }


def test_log_in_hears_cookies_and_where_to_come_back_to(front: Front) -> None:
    front.login.heard.clear()
    answer = front.ask("GET", "/runs?a=1&b=2", [*FORGED, ("Cookie", "other=1")])
    assert answer.status_code == 302
    (_, asked), (path, started) = front.login.heard
    assert path == "/oauth2/start"
    for heard in (asked, started):
        assert "admin" not in heard.values()
        assert heard["Cookie"] == "other=1"
        assert heard["X-Forwarded-Host"] == f"{HOST}:{front.port}"
    assert started["X-Auth-Request-Redirect"] == "/runs?a=1&b=2"
    # Who asks for the log-in itself must not be led back to it.
    front.ask("GET", "/oauth2/start", FORGED)
    assert "X-Auth-Request-Redirect" not in front.login.heard[-1][1]


@pytest.mark.parametrize(
    "path",
    [
        "/oauth2/auth",
        "/oauth2/userinfo",
        "/oauth2/static/../auth",
        "/_allowed",
        "/_socket",
        "/_read",
    ],
)
def test_inner_addresses_are_not_for_clients(front: Front, path: str) -> None:
    answer = front.ask("GET", path, [("Cookie", front.login.session("olga"))])
    assert answer.status_code in {403, 404}


@pytest.mark.parametrize("name", ["PROXY_OPERATORS", "PROXY_READERS"])
def test_no_group_is_not_every_group(front: Front, tmp_path: Path, name: str) -> None:
    port = free_port()
    given = values(front.login.port, 1, 1, port) | {name: ""}
    host = HOST if name == "PROXY_OPERATORS" else READERS
    cookie = front.login.session("olga")
    with nginx_running(tmp_path / "nginx", given), httpx.Client(verify=trusting()) as client:
        answer = client.get(
            f"https://127.0.0.1:{port}/", headers={"Host": f"{host}:{port}", "Cookie": cookie}
        )
    assert answer.status_code == 403


def test_a_cookie_that_was_not_signed_here_is_none(front: Front) -> None:
    for cookie in (Login().session("olga"), f"{COOKIE}=olga", f"{COOKIE}="):
        answer = front.ask("GET", "/_next/x.js", [("Cookie", cookie)])
        assert answer.status_code == 401


def test_every_answer_carries_the_security_headers(front: Front) -> None:
    cookie = ("Cookie", front.login.session("olga"))
    answers = [
        front.ask("GET", "/", [cookie]),
        front.ask("GET", "/", []),
        front.ask("GET", "/graphql", [cookie]),
        front.ask("GET", "/server_info", []),
        front.ask("GET", "/", [("Host", "evil.example")]),
    ]
    assert [answer.status_code for answer in answers] == [200, 302, 403, 403, 403]
    for answer in answers:
        headers = answer.headers
        assert headers.get_list("Referrer-Policy") == ["same-origin"]
        assert headers.get_list("X-Frame-Options") == ["DENY"]
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert f"wss://{HOST}:{front.port};" in headers["Content-Security-Policy"]
        assert "img-src 'self' data: blob:;" in headers["Content-Security-Policy"]
        assert "X-Dagster-Call-Counts" not in headers
        assert headers["Server"] == "nginx"


def test_bodies_have_a_limit(front: Front) -> None:
    cookie = ("Cookie", front.login.session("olga"))
    headers = [
        cookie,
        ("Origin", f"https://{HOST}:{front.port}"),
        ("Content-Type", "application/json"),
    ]
    near, over = 2 * 2**20 - 64, 2 * 2**20 + 1
    assert front.ask("POST", "/graphql", headers, content=b"x" * near).status_code == 200
    assert front.ask("POST", "/graphql", headers, content=b"x" * over).status_code == 413


def test_probes_are_answered_to_any_host_and_tell_nothing(front: Front) -> None:
    for path, text in (("/healthz", "ok\n"), ("/readyz", "OK")):
        answer = front.ask("GET", path, [("Host", "10.0.0.7")])
        assert (answer.status_code, answer.text) == (200, text)


def test_log_in_is_slowed_down_whatever_address_the_client_claims(front: Front) -> None:
    """The last test of the file: it leaves no log-in over for a while."""
    answers = [
        front.ask("GET", path, [("X-Forwarded-For", f"203.0.113.{n}")]).status_code
        for n in range(15)
        for path in ("/oauth2/start", "/")
    ]
    assert answers[0] == 302
    assert 429 in answers
    assert set(answers) == {302, 429}
    # Those who are in notice nothing.
    assert front.ask("GET", "/", [("Cookie", front.login.session("olga"))]).status_code == 200


def test_codes_of_log_in_are_not_logged(front: Front) -> None:
    front.ask("GET", "/oauth2/callback?code=secret-code&state=secret-state", [])
    logged = (front.folder / "access.log").read_text()
    assert '"/oauth2/callback"' in logged
    assert "secret" not in logged
