"""An object store seen through a proxy that counts requests, delays them, and breaks some.

Here: a small HTTP proxy in a thread of this process. Not here: the server behind it
(`object_store.py`).
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HOP: frozenset[str] = frozenset({"transfer-encoding", "connection", "content-length"})


@dataclass(frozen=True)
class Request:
    """One request, as rules and counts see it."""

    method: str
    """GET, HEAD, PUT, POST, DELETE or LIST."""
    bucket: str
    key: str
    """The object's key; of a listing, its prefix."""


@dataclass(frozen=True)
class Answer:
    """What is said instead of the server's answer; without a status, the connection is cut."""

    status: int | None = None
    code: str = ""
    pass_on: bool = False
    """Whether the server hears of the request all the same."""


Rule = Callable[[Request], Answer | None]


@dataclass
class StoreProxy:
    """The proxy's address, what went through it, and how it treats requests."""

    endpoint: str
    seen: list[Request] = field(default_factory=list)
    delay: float = 0.0
    rule: Rule | None = None

    def count(self) -> Counter[str]:
        """Requests by kind since they were last forgotten."""
        return Counter(request.method for request in self.seen)

    @contextmanager
    def breaking(self, rule: Rule) -> Iterator[None]:
        """Within it, the rule says what is not answered by the server."""
        self.rule = rule
        try:
            yield
        finally:
            self.rule = None


@contextmanager
def store_proxy(endpoint: str) -> Iterator[StoreProxy]:
    """A proxy in front of a store."""
    proxy = StoreProxy("")
    host = urlsplit(endpoint).netloc

    class Handler(_Handler):
        seen_by = proxy
        behind = host

    server = _Server(("127.0.0.1", 0), Handler)
    proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has enough closes its connection: no error."""


def _parsed(method: str, path: str) -> Request:
    url = urlsplit(path)
    bucket, _, key = url.path.lstrip("/").partition("/")
    query = parse_qs(url.query, keep_blank_values=True)
    if method == "GET" and not key:
        return Request("LIST", bucket, query.get("prefix", [""])[0])
    return Request(method, bucket, key)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seen_by: StoreProxy
    behind: str

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        proxy = self.seen_by
        body = self._body()
        request = _parsed(self.command, self.path)
        proxy.seen.append(request)
        time.sleep(proxy.delay)
        answer = proxy.rule(request) if proxy.rule is not None else None
        if answer is None or answer.pass_on:
            status, headers, data = self._ask(body)
        if answer is not None:
            if answer.status is None:
                self.close_connection = True
                return
            status, headers = answer.status, [("Content-Type", "application/xml")]
            data = f"<Error><Code>{answer.code}</Code><Message>as asked</Message></Error>".encode()
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP or (self.command == "HEAD" and "length" in name.lower()):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.behind, timeout=60)
        skipped = {"transfer-encoding", "expect", "content-length", "connection"}
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        headers["Content-Length"] = str(len(body))
        try:
            connection.request(self.command, self.path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - its caller's names
