"""A provider's Batch API that behaves as a test tells it to: real sockets, real threads.

Files and jobs are as OpenAI documents them. A job stays `in_progress` until a test ends it with
`finish`, which also says what goes wrong; what belongs to calls is an attribute. `paid` counts the
answers that a provider would charge for, by custom id, over all jobs.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resources.llm.base import Message
from tests.scripted_llm import text_of

KEY = "sk-very-secret-0123456789"
N_WORDS = 24


def first_words(body: Mapping[str, Any]) -> str:
    """The answer of an obedient model: the first words of the text, as the JSON asked for."""
    messages = [Message(m["role"], m["content"]) for m in body["messages"]]
    words = text_of(messages).replace("#", " ").split()[:N_WORDS]
    return json.dumps({"language": "en", "summary": " ".join(words)}, ensure_ascii=False)


@dataclass
class Sent:
    """A job at the provider."""

    job_id: str
    value: dict[str, Any]
    lines: list[dict[str, Any]]


@dataclass
class BatchServer:
    """What it does, and what it saw."""

    answer: Callable[[Mapping[str, Any]], str] = first_words
    status: int | None = None
    """Of every call, while it is set: the provider is down."""
    lose: set[str] = field(default_factory=set)
    """Doors (`files`, `batches`) of which the next call is done and its answer never arrives."""
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By door: status and code of an error that it answers with."""
    token_limit: int | None = None
    """Characters of requests in all open jobs, beyond which a job fails."""
    late_reads: int = 0
    """Reads of files that find nothing at first."""
    metadata: bool = True
    """Whether it keeps and tells the metadata of jobs."""
    url: str = ""
    n_files: int = 0
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    jobs: dict[str, Sent] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def keys(self, job_id: str) -> list[str]:
        """Custom ids of a job, in the order that they were sent."""
        return [line["custom_id"] for line in self.jobs[job_id].lines]

    def open_jobs(self) -> list[str]:
        return [j for j, sent in self.jobs.items() if sent.value["status"] == "in_progress"]

    def finish(
        self,
        job_id: str | None = None,
        state: str = "completed",
        *,
        only: int | None = None,
        errors: Mapping[int, tuple[int, str]] | None = None,
        backwards: bool = False,
        twice: int = 0,
        strangers: int = 0,
        torn: bool = False,
    ) -> None:
        """End a job, or all that are open.

        Args:
            job_id: The job; None ends all.
            state: How it ends.
            only: Requests that were answered, from the first on; the others were not begun.
            errors: By place: status and code of a request that failed.
            backwards: Whether the answers lie in another order than the requests.
            twice: Requests that are answered a second time.
            strangers: Answers to requests that nobody made.
            torn: Whether the file of answers ends in the middle of a line.
        """
        with self.lock:
            for name in [job_id] if job_id is not None else self.open_jobs():
                sent, failed = self.jobs[name], dict(errors or {})
                done = sent.lines[: len(sent.lines) if only is None else only]
                good = [self._good(line) for i, line in enumerate(done) if i not in failed]
                good += good[:twice]
                good += [self._good({**done[0], "custom_id": f"s{i}"}) for i in range(strangers)]
                bad = [_bad(sent.lines[i], *failed[i]) for i in failed]
                unpaid = f"batch_{state}"
                if state in ("expired", "cancelled"):
                    bad += [_unbegun(line, unpaid) for line in sent.lines[len(done) :]]
                self._end(sent, state, list(reversed(good)) if backwards else good, bad, torn)

    def fail(self, job_id: str, code: str) -> None:
        """End a job before it began: its file, or the account, did not pass."""
        value = self.jobs[job_id].value
        value["status"], value["failed_at"] = "failed", int(time.time())
        value["errors"] = {"data": [{"code": code, "message": f"it is {code}", "line": None}]}

    def _end(self, sent: Sent, state: str, good: list[Any], bad: list[Any], torn: bool) -> None:
        value = sent.value
        value["status"], value[f"{state}_at"] = state, int(time.time())
        value["request_counts"] = {
            "total": len(sent.lines), "completed": len(good), "failed": len(bad),
        }  # fmt: skip
        for name, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                data = b"".join(
                    json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows
                )
                cut = data[:-40] if torn and name == "output_file_id" else data
                value[name] = self.add_file(f"{name}.jsonl", cut)

    def _good(self, line: Mapping[str, Any]) -> dict[str, Any]:
        self.paid[line["custom_id"]] += 1
        return row_of(line, self.answer(line["body"]))

    def add_file(self, name: str, data: bytes) -> str:
        with self.lock:
            self.n_files += 1
            file_id = f"file-{self.n_files}"
            self.files[file_id] = (name, data)
            return file_id

    def add_job(self, body: Mapping[str, Any]) -> dict[str, Any]:
        with self.lock:
            job_id = f"batch_{len(self.jobs) + 1}"
            content = self.files[body["input_file_id"]][1]
            lines = [json.loads(line) for line in content.splitlines()]
            value = {
                "id": job_id,
                "object": "batch",
                "status": "in_progress",
                "input_file_id": body["input_file_id"],
                "created_at": int(time.time()),
                "metadata": body.get("metadata") if self.metadata else None,
            }
            waiting = sum(_size(self.jobs[j].lines) for j in self.open_jobs())
            self.jobs[job_id] = Sent(job_id, value, lines)
            if self.token_limit is not None and waiting + _size(lines) > self.token_limit:
                self.fail(job_id, "token_limit_exceeded")
            return value


def row_of(line: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A line of a file of answers."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    body = {
        "object": "chat.completion",
        "model": line["body"]["model"],
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 30},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}


def _bad(line: Mapping[str, Any], status: int, code: str) -> dict[str, Any]:
    body = {"error": {"message": f"it is {code}", "code": code}}
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}


def _unbegun(line: Mapping[str, Any], code: str) -> dict[str, Any]:
    error = {"code": code, "message": "This request could not be executed in time."}
    return {"id": "x", "custom_id": line["custom_id"], "response": None, "error": error}


def _size(lines: list[dict[str, Any]]) -> int:
    return sum(len(line["body"]["messages"][-1]["content"]) for line in lines)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: BatchServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if not self._may("GET"):
            return
        path, state = self._path(), self.state
        if path == "/batches":
            self._page([sent.value for sent in state.jobs.values()])
        elif path == "/files":
            listed = [{"id": i, "filename": name} for i, (name, _) in state.files.items()]
            self._page(listed)
        elif match := re.fullmatch(r"/batches/(\w+)", path):
            sent = state.jobs.get(match[1])
            self._reply(200, sent.value) if sent else self._error(404, "no such job")
        elif match := re.fullmatch(r"/files/([\w-]+)/content", path):
            found = state.files.get(match[1])
            if state.late_reads:
                state.late_reads -= 1
                found = None
            self._send(200, found[1]) if found else self._error(404, "no such file")
        else:
            self._error(404, "no such door")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._may("POST"):
            return
        path, state = self._path(), self.state
        if match := re.fullmatch(r"/batches/(\w+)/cancel", path):
            state.finish(match[1], "cancelled", only=1)
            self._reply(200, state.jobs[match[1]].value)
            return
        door = path.strip("/")
        if door in state.refuse:
            self._error(*state.refuse[door])
            return
        value = self._upload(body) if door == "files" else state.add_job(json.loads(body))
        if door in state.lose:
            state.lose.discard(door)
            self.close_connection = True
            return
        self._reply(200, value)

    def do_DELETE(self) -> None:
        if self._may("DELETE"):
            self.state.files.pop(self._path().removeprefix("/files/"), None)
            self._reply(200, {"deleted": True})

    def _upload(self, body: bytes) -> dict[str, Any]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
            name = part.get_filename()
            if name:
                data = part.get_payload(decode=True)
                assert isinstance(data, bytes)
                return {"id": self.state.add_file(name, data), "filename": name}
        raise AssertionError("an upload without a file")

    def _path(self) -> str:
        return self.path.partition("?")[0].removeprefix("/v1")

    def _may(self, method: str) -> bool:
        self.state.calls[f"{method} {re.sub(r'(batch_|file-)[0-9]+', '*', self._path())}"] += 1
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._error(401, "no such key")
            return False
        if self.state.status is not None:
            self._error(self.state.status, "down")
            return False
        return True

    def _page(self, values: list[dict[str, Any]]) -> None:
        """Newest first, a few at a time, so that pages are turned."""
        newest = list(reversed(values))
        found = re.search(r"after=([\w-]+)", self.path)
        ids = [value["id"] for value in newest]
        start = ids.index(found[1]) + 1 if found else 0
        page = newest[start : start + 3]
        self._reply(200, {"data": page, "has_more": start + 3 < len(newest)})

    def _error(self, status: int, code: str) -> None:
        self._reply(status, {"error": {"message": f"it is {code}", "code": code}})

    def _reply(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving() -> Iterator[BatchServer]:
    """A server on a free port, for as long as the context lasts."""
    state = BatchServer()
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
