"""What oauth2-proxy and an OIDC provider do together, as far as nginx sees it.

oauth2-proxy is a Go program that no registry of Python's or Debian's has. This one answers the
addresses that `deploy/proxy/snippets/routes.conf` asks, as oauth2-proxy 7.15.3 does by
its documentation and source: `/oauth2/auth` says 202 with `X-Auth-Request-*`, 401, or 403 when none
of `allowed_groups` fits (none given: everybody); `/oauth2/start` sends people to the provider,
`/oauth2/callback` takes what the provider signed. Sessions are real, in signed cookies. The
provider is one page with a link per person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

COOKIE = "__Host-quire"
STATE = "__Host-quire_csrf"
PEOPLE = {
    "olga": ["quire-operators"],
    "rita": ["quire-readers"],
    "nobody": ["accounting", "quire-operators-wanted"],
}


@dataclass
class Login:
    """The server, and what it heard."""

    port: int = 0
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    heard: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def session(self, person: str) -> str:
        """The cookie of somebody who is logged in, as a Cookie header."""
        return f"{COOKIE}={self.sign({'user': person, 'groups': PEOPLE[person]})}"

    def sign(self, value: dict[str, Any]) -> str:
        body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        return f"{body}.{self._seal(body)}"

    def read(self, signed: str) -> dict[str, Any] | None:
        body, _, seal = signed.partition(".")
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return value

    def _seal(self, body: str) -> str:
        return hmac.new(self.key, body.encode(), hashlib.sha256).hexdigest()


@contextmanager
def login_server() -> Iterator[Login]:
    """Runs until the block ends."""
    login = Login()

    class Handler(_Handler):
        state = login

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    login.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield login
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Login

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        self.state.heard.append((asked.path, dict(self.headers.items())))
        answer = {
            "/oauth2/auth": self._auth,
            "/oauth2/start": self._start,
            "/oauth2/callback": self._callback,
            "/authorize": self._authorize,
            "/ping": self._ping,
        }.get(asked.path)
        if answer is None:
            self._send(404)
        else:
            answer(query)

    def _cookie(self, name: str) -> dict[str, Any] | None:
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        return self.state.read(cookies[name].value) if name in cookies else None

    def _auth(self, query: dict[str, str]) -> None:
        session = self._cookie(COOKIE)
        if session is None:
            self._send(401)
            return
        allowed = set(filter(None, query.get("allowed_groups", "").split(",")))
        if allowed and not allowed & set(session["groups"]):
            self._send(403)
            return
        self._send(
            202,
            ("X-Auth-Request-User", session["user"]),
            ("X-Auth-Request-Email", f"{session['user']}@example.org"),
            ("X-Auth-Request-Groups", ",".join(session["groups"])),
        )

    def _start(self, query: dict[str, str]) -> None:
        back = query.get("rd") or self.headers.get("X-Auth-Request-Redirect") or "/"
        if not back.startswith("/") or back.startswith(("//", "/\\")):
            back = "/"
        state = self.state.sign({"back": back, "nonce": secrets.token_hex(8)})
        home = f"{self.headers['X-Forwarded-Proto']}://{self.headers['X-Forwarded-Host']}"
        target = (
            f"http://127.0.0.1:{self.state.port}/authorize?state={quote(state)}"
            f"&redirect_uri={quote(home + '/oauth2/callback')}"
        )
        cookie = f"{STATE}={state}; Path=/; Secure; HttpOnly; SameSite=Lax"
        self._send(302, ("Location", target), ("Set-Cookie", cookie))

    def _ping(self, query: dict[str, str]) -> None:
        self._send(200, body=b"OK")

    def _authorize(self, query: dict[str, str]) -> None:
        links = "".join(
            f'<p><a href="{query["redirect_uri"]}?code={quote(self.state.sign({"user": person}))}'
            f'&state={quote(query["state"])}">{person}</a></p>'
            for person in PEOPLE
        )
        self._send(200, ("Content-Type", "text/html"), body=f"<h1>Log in</h1>{links}".encode())

    def _callback(self, query: dict[str, str]) -> None:
        started, asked = self._cookie(STATE), self.state.read(query.get("state", ""))
        code = self.state.read(query.get("code", ""))
        if started is None or started != asked or code is None:
            self._send(403)
            return
        cookie = f"{self.state.session(code['user'])}; Path=/; Secure; HttpOnly; SameSite=Lax"
        self._send(302, ("Location", started["back"]), ("Set-Cookie", cookie))

    def _send(self, status: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
