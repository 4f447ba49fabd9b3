"""A stand-in for the server of surya's model: it knows the text of pages, and misbehaves as told.

It answers what vLLM and llama-server answer (`/health`, `/v1/models`, `/v1/chat/completions`). A
page is known by its mark, a few dark squares near its foot. As a program it serves until it is
killed, and notes every request: `python -m tests.fake_surya_server PORT LOG [SECONDS_A_PAGE]`.
"""

from __future__ import annotations

import base64
import io
import json
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

MODEL = "datalab-to/surya-ocr-2"
PAGE = '<div data-label="Text" data-bbox="80 100 900 800"><p>{text}</p></div>'
LAYOUT = json.dumps([{"label": "Text", "bbox": "80 100 900 800", "count": 50}])
LOG_PROBABILITY = math.log(0.9)
MARK_X = [0.1 + 0.08 * i for i in range(8)]
MARK_Y = 0.95
SQUARE = 0.02


@dataclass
class Asked:
    """One request: the kind of prompt, which page, and the image that came."""

    prompt: str
    key: str
    size: tuple[int, int]
    temperature: float


@dataclass
class Script:
    """How the server behaves; `of` gives (behaviour, text) of a page's key and kind of prompt.

    Behaviours: see `_behave`; any other name answers the text as it should be.
    """

    of: Callable[[str, str], tuple[str, str]] = lambda key, kind: ("text", f"Words of page {key}.")
    model: str = MODEL
    healthy: bool = True
    slow_seconds: float = 5.0
    delay: float = 0.0
    log: Path | None = None
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    busy_above: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keys(self) -> Counter[str]:
        """How often each page was asked as a whole."""
        return Counter(each.key for each in self.asked if each.prompt == "page")


def start(script: Script, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Serve from a thread; returns the server and the address to put into SURYA_INFERENCE_URL."""
    handler = type("Handler", (_Handler,), {"script": script})
    server = _Server(("127.0.0.1", port), handler)
    serving = partial(server.serve_forever, poll_interval=0.02)
    threading.Thread(target=serving, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/v1"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    script: Script
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200 if self.script.healthy else 503, b"")
        else:
            self._json({"object": "list", "data": [{"id": self.script.model}]})

    def do_POST(self) -> None:
        script = self.script
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = _asked(body)
        with script.lock:
            script.asked.append(asked)
            script.at_once += 1
            script.most_at_once = max(script.most_at_once, script.at_once)
            busy = script.busy_above is not None and script.at_once > script.busy_above
            if script.log is not None:
                with script.log.open("a") as file:
                    file.write(f"{asked.prompt} {asked.key}\n")
        try:
            if busy:
                self._send(429, b"busy", {"Retry-After": "0.05"})
            else:
                time.sleep(script.delay)
                self._behave(*script.of(asked.key, asked.prompt), asked)
        finally:
            with script.lock:
                script.at_once -= 1

    def _behave(self, behaviour: str, text: str, asked: Asked) -> None:
        match behaviour:
            case "500" | "400" | "429":
                self._send(int(behaviour), b"no", {"Retry-After": "0.05"})
            case "not_json":
                self._send(200, b"<html>gateway</html>", {"Content-Type": "text/html"})
            case "no_choices":
                self._json({"choices": []})
            case "drop":
                self.close_connection = True
                self.connection.shutdown(2)
            case "slow":
                time.sleep(self.script.slow_seconds)
                self._say(PAGE.format(text=text))
            case "empty":
                self._say("")
            case "rubbish":
                self._say(text or "This is no page at all")
            case "repeat":
                self._say("<p>" + "again and " * 200)
            case "cut":
                self._say(PAGE.format(text=text)[:-20], "length")
            case "html":
                self._say(text)
            case _:
                said = {"page": PAGE.format(text=text), "layout": LAYOUT, "block": f"<p>{text}</p>"}
                self._say(said[asked.prompt])

    def _say(self, text: str, reason: str = "stop") -> None:
        tokens = [{"token": "x", "logprob": LOG_PROBABILITY}] * 3
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": reason,
            "logprobs": {"content": tokens},
        }
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        self._json({"model": self.script.model, "choices": [choice], "usage": usage})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _asked(body: dict[str, Any]) -> Asked:
    content = body["messages"][0]["content"]
    prompt = next(part["text"] for part in content if part["type"] == "text")
    url = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    kind = "layout" if "layout" in prompt else "block" if "block image" in prompt else "page"
    return Asked(kind, key_of(image), image.size, body["temperature"])


def mark(number: int) -> list[tuple[float, float, float, float]]:
    """Where dark squares go on a page with this number: x0, y0, x1, y1 in shares of its sides."""
    half = SQUARE / 2
    return [
        (x - half, MARK_Y - half, x + half, MARK_Y + half)
        for i, x in enumerate(MARK_X)
        if number >> i & 1
    ]


def key_of(image: Image.Image) -> str:
    """The number that the squares of a page make."""
    gray = image.convert("L")
    width, height = gray.size
    dark = [_shade(gray, int(x * width), int(MARK_Y * height)) < 128 for x in MARK_X]
    return str(sum(1 << i for i, is_dark in enumerate(dark) if is_dark))


def _shade(gray: Image.Image, x: int, y: int) -> int:
    value = gray.getpixel((x, y))
    assert isinstance(value, (int, float))
    return int(value)


def main() -> None:
    """Serve until killed."""
    port, log = int(sys.argv[1]), Path(sys.argv[2])
    delay = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    start(Script(log=log, delay=delay), port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
