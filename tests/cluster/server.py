"""The API over the cluster: what dagster-k8s asks of a Kubernetes API server, over TLS.

Here: routes, selectors, errors in the API's form. What nobody asked for when this was written is
answered with 404 and kept in `unanswered`, so that a test can see it.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.cluster.admission import faults_of
from tests.cluster.cluster import NAMESPACE, Cluster
from tests.cluster.objects import Json

TOKEN: Final = "a-token-of-the-stand-in"
_PATH: Final = re.compile(
    r"^/(?:api|apis/batch)/v1/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<kind>jobs|pods|events)(?:/(?P<name>[^/]+))?(?:/(?P<sub>status|log))?$"
)
Answer = tuple[int, Any]


@dataclass
class Api:
    """The API's address, and what was asked of it."""

    cluster: Cluster
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    unanswered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why Jobs were refused."""

    def answer(self, method: str, url: str, body: Json | None) -> Answer:
        """Status and JSON, or text, of one request."""
        parts = urlsplit(url)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked.append(f"{method} {parts.path}")
        found = _PATH.match(parts.path)
        if found is None or "watch" in query:
            return self._unknown(method, url)
        if found["namespace"] != NAMESPACE:
            return _status(403, "Forbidden", f"no rights in namespace {found['namespace']}")
        with self.cluster.lock:
            return self._route(method, found["kind"], found["name"], found["sub"], query, body)

    def _route(
        self,
        method: str,
        kind: str,
        name: str | None,
        sub: str,
        query: dict[str, str],
        body: Json | None,
    ) -> Answer:
        cluster = self.cluster
        kinds: dict[str, dict[str, Any]] = {"jobs": {**cluster.jobs}, "pods": {**cluster.pods}}
        held = kinds.get(kind, {})
        if method == "GET" and name is None:
            every = cluster.events if kind == "events" else list(held.values())
            items = [each.json() for each in every]
            return 200, {
                "apiVersion": "v1",
                "kind": "List",
                "metadata": {"resourceVersion": "1"},
                "items": [item for item in items if _selected(item, query)],
            }
        if method == "POST" and kind == "jobs" and name is None:
            return self._post(body or {})
        if name is None or kind == "events":
            return self._unknown(method, f"{kind}/{name or ''}")
        if name not in held:
            return _status(404, "NotFound", f'{kind} "{name}" not found')
        if method == "GET" and kind == "pods" and sub == "log":
            return self._log(name, query)
        if method == "GET":
            return 200, held[name].json()
        if method == "DELETE":
            (cluster.delete_job if kind == "jobs" else cluster.delete_pod)(name)
            return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return self._unknown(method, f"{kind}/{name}/{sub}")

    def _post(self, body: Json) -> Answer:
        faults = faults_of(body)
        name = (body.get("metadata") or {}).get("name", "")
        if faults:
            self.refused += faults
            return _status(422, "Invalid", f'Job.batch "{name}" is invalid: {"; ".join(faults)}')
        try:
            return 201, self.cluster.add_job(body).json()
        except KeyError:
            return _status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')

    def _log(self, name: str, query: dict[str, str]) -> Answer:
        if self.cluster.pods[name].container is None:
            return _status(400, "BadRequest", f'container of pod "{name}" is waiting to start')
        lines = self.cluster.log_of(name).splitlines(keepends=True)
        return 200, "".join(lines[-int(query.get("tailLines", len(lines) or 1)) :])

    def _unknown(self, method: str, url: str) -> Answer:
        self.unanswered.append(f"{method} {url}")
        return _status(404, "NotFound", f"the stand-in does not answer {method} {url}")


def _status(code: int, reason: str, message: str) -> Answer:
    return code, {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": message, "code": code,
    }  # fmt: skip


def _selected(item: Json, query: dict[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    for text in filter(None, query.get("labelSelector", "").split(",")):
        key, _, value = text.replace("==", "=").partition("=")
        if labels.get(key) != value:
            return False
    for text in filter(None, query.get("fieldSelector", "").split(",")):
        key, _, value = text.replace("==", "=").partition("=")
        if _at(item, key.split(".")) != value:
            return False
    return True


def _at(item: Any, path: Sequence[str]) -> Any:
    for key in path:
        item = item.get(key, {})
    return item


def _handler(answer: Callable[[str, str, Json | None], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if self.headers.get("Authorization", "").lower() != f"bearer {TOKEN}":
                code, said = _status(401, "Unauthorized", "Unauthorized")
            else:
                body = json.loads(raw) if raw else None
                code, said = answer(self.command, self.path, body)
            text = isinstance(said, str)
            data = said.encode() if text else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if text else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve  # noqa: N815 - so they are called

        def log_message(self, *args: Any) -> None:
            return

    return Handler


@contextmanager
def serving(cluster: Cluster) -> Iterator[Api]:
    """The API of a cluster on a free port; pods find it as they would find any."""
    api = Api(cluster)
    certificate, key = _certificate(cluster.folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api.answer))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is left to each connection's own thread: a slow client holds up no other.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    api.port = server.server_address[1]
    cluster.account |= {"token": TOKEN, "ca.crt": certificate.read_text(), "namespace": NAMESPACE}
    cluster.variables |= {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api.port),
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "ca.crt", folder / "ca.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key
