"""A receiver of webhooks: a real local server that answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Receiver:
    """What it heard, and what it answers: the codes in turn, the last one for ever."""

    url: str = ""
    codes: list[int] = field(default_factory=lambda: [200])
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Bodies that it answered with 2xx."""
    n_asked: int = 0

    def answer(self, body: bytes) -> int:
        self.n_asked += 1
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        if 200 <= code < 300:
            self.heard.append(json.loads(body))
        return code


@contextmanager
def receiving(*codes: int) -> Iterator[Receiver]:
    """A server for the time of a test; its path is a secret."""
    receiver = Receiver(codes=list(codes) or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code = receiver.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/s3cret"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
