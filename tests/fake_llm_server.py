"""A chat-completions server that behaves as a test tells it to: real sockets, real threads.

A request is known by the first `doc-…` word of its last message. What it gets is told per document
(`scripts`), one behaviour a call, the last one for ever; all others get `ok`. Every call is in
`calls`; `paid` counts whole answers that a provider would charge for.
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-very-secret-0123456789"


@dataclass
class Call:
    """One call of chat completions."""

    document: str
    behaviour: str
    began: float
    key: str | None
    body: dict[str, Any]
    in_flight: int
    ended: float = 0.0


@dataclass
class FakeServer:
    """What it does, and what it saw."""

    scripts: dict[str, list[str]] = field(default_factory=dict)
    default: str = "ok"
    seconds: float = 0.0
    """Of an ordinary answer."""
    capacity: int | None = None
    """Calls in flight beyond which it answers 429 at once."""
    easy: int | None = None
    """Calls in flight beyond which it says nothing and answers 20 times slower."""
    model: str = "tiny"
    usage: bool = True
    models: dict[str, Any] = field(default_factory=lambda: {"data": [{"id": "tiny"}]})
    props: dict[str, Any] | None = None
    tokenize: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    template: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    elsewhere: str = ""
    """Where the behaviour `redirect` points."""
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    get_scripts: dict[str, list[int]] = field(default_factory=dict)
    """Statuses that a path answers with before it works."""
    gets: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def n_calls(self, document: str) -> int:
        return sum(call.document == document for call in self.calls)

    def behaviours(self) -> list[str]:
        return [call.behaviour for call in self.calls]

    def next_behaviour(self, document: str) -> str:
        script = self.scripts.get(document)
        if not script:
            return self.default
        return script.pop(0) if len(script) > 1 else script[0]


def completion(server: FakeServer, document: str, **changes: Any) -> dict[str, Any]:
    """A whole answer, or one with `changes` to message, finish reason, model, usage."""
    text = changes.pop("text", f'{{"summary": "about {document}"}}')
    message = {"role": "assistant", "content": text} | changes.pop("message", {})
    answer: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": changes.pop("model", server.model),
        "choices": [
            {"index": 0, "message": message, "finish_reason": changes.pop("finish", "stop")}
        ],
    }
    if server.usage:
        answer["usage"] = {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30}
    return answer | changes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        state = self.server_state
        state.gets[self.path] += 1
        if state.get_scripts.get(self.path):
            self.error(state.get_scripts[self.path].pop(0), "not now")
            return
        found = {"/v1/models": state.models, "/props": state.props}.get(self.path)
        if found is None:
            self.error(404, "no such door")
        else:
            self.reply(200, found)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        state = self.server_state
        if self.path == "/v1/chat/completions":
            self.chat(body)
            return
        doors = {"/tokenize": state.tokenize, "/apply-template": state.template}
        door = doors.get(self.path)
        found = door(body) if door is not None else None
        if found is None:
            self.error(404, "no such door")
        else:
            self.reply(200, found)

    def chat(self, body: dict[str, Any]) -> None:
        state = self.server_state
        found = re.search(r"doc-\w+", body["messages"][-1]["content"])
        document = found.group() if found else "none"
        with state.lock:
            behaviour = state.next_behaviour(document)
            state.in_flight += 1
            key = self.headers.get("Authorization")
            call = Call(document, behaviour, time.monotonic(), key, body, state.in_flight)
            state.calls.append(call)
        try:
            self.behave(call)
        except OSError:
            self.close_connection = True  # the client went away
        finally:
            call.ended = time.monotonic()
            with state.lock:
                state.in_flight -= 1

    def behave(self, call: Call) -> None:
        state = self.server_state
        if state.capacity is not None and call.in_flight > state.capacity:
            call.behaviour = "over"
            self.error(429, "too many requests", code="rate_limit_exceeded")
            return
        seconds = state.seconds
        if state.easy is not None and call.in_flight > state.easy:
            seconds *= 20
        if seconds:
            time.sleep(seconds)
        name, _, argument = call.behaviour.partition(":")
        getattr(self, f"do_{name}")(call, argument)

    # Behaviours: whole answers, paid for.

    def do_ok(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document))

    def do_slow(self, call: Call, seconds: str) -> None:
        time.sleep(float(seconds))
        self.do_ok(call, "")

    def do_model(self, call: Call, name: str) -> None:
        self.pay(call, completion(self.server_state, call.document, model=name))

    def do_language(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, text="Ein Satz auf Deutsch."))

    def do_parts(self, call: Call, _: str) -> None:
        parts = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]
        self.pay(call, completion(self.server_state, call.document, text=parts))

    # Answers that are paid for and of no use.

    def do_length(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, finish="length"))

    def do_refusal(self, call: Call, _: str) -> None:
        message = {"content": None, "refusal": "I cannot help with that."}
        self.pay(call, completion(self.server_state, call.document, message=message))

    def do_filtered(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, finish="content_filter"))

    def do_null(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, text=None))

    def do_blank(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, text=" \n"))

    def do_choiceless(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, choices=[]))

    def do_tools(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, finish="tool_calls"))

    def do_broken(self, call: Call, _: str) -> None:
        whole = json.dumps(completion(self.server_state, call.document)).encode()
        self.server_state.paid[call.document] += 1
        self.send(200, whole[: len(whole) // 2], "application/json")

    def do_late(self, call: Call, _: str) -> None:
        self.server_state.paid[call.document] += 1
        self.do_never(call, "")

    def do_lost(self, call: Call, _: str) -> None:
        self.server_state.paid[call.document] += 1
        self.do_hang_up(call, "")

    def do_uncounted(self, call: Call, _: str) -> None:
        value = completion(self.server_state, call.document, finish="length")
        value.pop("usage", None)
        self.pay(call, value)

    def do_huge(self, call: Call, _: str) -> None:
        self.pay(call, completion(self.server_state, call.document, text="x" * (6 << 20)))

    # No answers.

    def do_html(self, call: Call, _: str) -> None:
        self.send(200, b"<html><body>We will be back soon</body></html>", "text/html")

    def do_inner(self, call: Call, status: str) -> None:
        error = {"message": "the upstream fell over", "code": int(status)}
        self.reply(200, {"error": error})

    def do_status(self, call: Call, status: str) -> None:
        self.error(int(status), "something went wrong")

    def do_busy(self, call: Call, wait: str) -> None:
        extra = {"Retry-After": wait} if wait else {}
        self.error(429, "slow down", extra=extra)

    def do_busy_until(self, call: Call, seconds: str) -> None:
        date = email.utils.formatdate(time.time() + float(seconds), usegmt=True)
        self.error(429, "slow down", extra={"Retry-After": date})

    def do_quota(self, call: Call, _: str) -> None:
        text = "You exceeded your current quota, please check your plan and billing details."
        self.error(429, text, code="insufficient_quota", extra={"Retry-After": "1"})

    def do_key(self, call: Call, _: str) -> None:
        self.error(401, f"Incorrect API key provided: {call.key}")

    def do_no_model(self, call: Call, _: str) -> None:
        self.error(404, "The model `tiny` does not exist", code="model_not_found")

    def do_too_long(self, call: Call, _: str) -> None:
        text = (
            "'max_tokens' is too large: 400. This model's maximum context length is 512 tokens "
            "and your request has 9000 input tokens"
        )
        self.error(400, text, code="context_length_exceeded")

    def do_refuses(self, call: Call, words: str) -> None:
        self.error(400, words, code="invalid_request_error")

    def do_llama(self, call: Call, _: str) -> None:
        text = "request (9000 tokens) exceeds the available context size, try increasing it"
        kind = "exceed_context_size_error"
        error = {"code": 400, "message": text, "type": kind, "n_prompt_tokens": 9000, "n_ctx": 4096}
        self.reply(400, {"error": error})

    def do_no_schema(self, call: Call, _: str) -> None:
        if "response_format" in call.body:
            self.error(400, "response_format of type json_schema is not supported here")
        else:
            self.do_ok(call, "")

    def do_new_names(self, call: Call, _: str) -> None:
        if "max_tokens" in call.body:
            self.error(
                400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            )
        elif "temperature" in call.body:
            self.error(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        else:
            self.do_ok(call, "")

    def do_echo(self, call: Call, _: str) -> None:
        self.error(400, "x" * 280 + f" you sent {call.key}")

    def do_never(self, call: Call, _: str) -> None:
        self.connection.settimeout(20)
        self.connection.recv(1)  # until the client hangs up
        self.close_connection = True

    def do_drip(self, call: Call, _: str) -> None:
        self.start(200, 4_000, "application/json")
        for _second in range(200):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def do_reset(self, call: Call, _: str) -> None:
        self.start(200, 4_000, "application/json")
        self.wfile.write(b'{"choices": [')
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)  # closing sends RST
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def do_hang_up(self, call: Call, _: str) -> None:
        self.close_connection = True

    def do_redirect(self, call: Call, _: str) -> None:
        self.start(307, 0, "text/plain", {"Location": self.server_state.elsewhere})

    # How it is sent.

    def pay(self, call: Call, value: dict[str, Any]) -> None:
        self.server_state.paid[call.document] += 1
        self.reply(200, value)

    def error(
        self, status: int, text: str, code: str | None = None, extra: dict[str, str] | None = None
    ) -> None:
        self.reply(status, {"error": {"message": text, "code": code}}, extra)

    def reply(self, status: int, value: Any, extra: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(value).encode(), "application/json", extra)

    def send(
        self, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None
    ) -> None:
        self.start(status, len(body), kind, extra)
        self.wfile.write(body)
        self.wfile.flush()

    def start(
        self, status: int, length: int, kind: str, extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serving(state: FakeServer | None = None) -> Iterator[FakeServer]:
    """A server on a free port of this machine."""
    state = state or FakeServer()
    bound = {"server_state": state, "disable_nagle_algorithm": True}
    handler = type("BoundHandler", (Handler,), bound)
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
