"""What a foreign page, a stranger or a colleague may try: 403 at the proxy, and it works without.

Every attack on GraphQL adds a partition named after itself, so that its effect can be looked for.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.deploy.proxy.place import HOST, READERS, Proxy, trusting

pytestmark = [pytest.mark.nginx, pytest.mark.xdist_group("proxy")]

EVIL = "https://evil.example"
_KEYS = """query { assetNodes(assetKeys: [{path: ["files"]}]) { partitionKeys } }"""


def mutation(key: str) -> str:
    where = '{repositoryLocationName: "quire", repositoryName: "__repository__"}'
    return (
        f"mutation {{ addDynamicPartition(repositorySelector: {where}, "
        f'partitionsDefName: "batches", partitionKey: "{key}") {{ __typename }} }}'
    )


@dataclass(frozen=True)
class Attack:
    """A request; `{query}` in its path and body stands for the mutation."""

    name: str
    method: str = "POST"
    path: str = "/graphql"
    origin: str | None = "own"
    body: Callable[[str], bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def fire(self, proxy: Proxy, *, bare: bool, person: str | None = "olga") -> tuple[int, str]:
        """The answer's status, and the partition that the attack tried to add."""
        key = f"{self.name}-{'bare' if bare else 'proxy'}-{person}"
        origin = proxy.home() if self.origin == "own" else self.origin
        headers = self.headers | ({} if origin is None else {"Origin": origin})
        answer = proxy.ask(
            self.method,
            self.path.replace("{query}", quote(mutation(key))),
            bare=bare,
            person=person,
            headers=headers,
            content=self.body(mutation(key)) if self.body else None,
        )
        return answer.status_code, key


def as_json(query: str) -> bytes:
    return json.dumps({"query": query}).encode()


JSON = {"Content-Type": "application/json"}
PLAIN = {"Content-Type": "text/plain"}
ATTACKS = [
    Attack("get", "GET", "/graphql?query={query}", None),
    Attack("get-by-a-page", "GET", "/graphql?query={query}", None, None,
           {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
    Attack("get-encoded", "GET", "/%67r%61phql?query={query}", None),
    Attack("get-own-origin", "GET", "/graphql?query={query}", "own", None, JSON),
    Attack("foreign-origin", origin=EVIL, body=as_json, headers=JSON),
    Attack("null-origin", origin="null", body=as_json, headers=JSON),
    Attack("no-origin", origin=None, body=as_json, headers=JSON),
    Attack("http-origin", origin=f"http://{HOST}", body=as_json, headers=JSON),
    Attack("prefixed-origin", origin=f"https://{HOST}.evil.example", body=as_json, headers=JSON),
    Attack("same-site", body=as_json, headers=JSON | {"Sec-Fetch-Site": "same-site"}),
    Attack("cross-site", body=as_json, headers=JSON | {"Sec-Fetch-Site": "cross-site"}),
    Attack("plain-query-string", path="/graphql?query={query}", origin=EVIL, headers=PLAIN),
    Attack("plain-own-origin", path="/graphql?query={query}", headers=PLAIN),
    Attack("form", path="/graphql?query={query}", origin=EVIL, body=lambda _: b"a=b",
           headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Attack("no-type", path="/graphql?query={query}"),
    # No preflight: to a browser this is text/plain. Dagster finds the words and reads JSON.
    Attack("plain-that-says-json", origin=EVIL, body=as_json,
           headers={"Content-Type": "text/plain; application/json"}),
    Attack("plain-that-says-json-own-origin", body=as_json,
           headers={"Content-Type": "text/plain; application/json"}),
    Attack("graphql-type", body=str.encode, headers={"Content-Type": "application/graphql"}),
    Attack("rebound-host", "GET", "/graphql?query={query}", None, None, {"Host": "evil.example"}),
    Attack("rebound-host-post", origin=EVIL, body=as_json,
           headers=JSON | {"Host": "evil.example"}),
    Attack("address-as-host", origin="https://127.0.0.1", body=as_json,
           headers=JSON | {"Host": "127.0.0.1"}),
]  # fmt: skip


def partitions(proxy: Proxy) -> set[str]:
    answer = proxy.ask("POST", "/graphql", bare=True, json={"query": _KEYS})
    (node,) = answer.json()["data"]["assetNodes"]
    return set(node["partitionKeys"])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_mutation_by_a_side_door_is_refused_and_works_without_the_proxy(
    proxy: Proxy, attack: Attack
) -> None:
    bare, added = attack.fire(proxy, bare=True)
    assert bare == 200
    refused = [attack.fire(proxy, bare=False, person=person) for person in ("olga", None)]
    assert [status for status, _ in refused] == [403, 403]
    assert partitions(proxy) & {added, *(key for _, key in refused)} == {added}


def test_the_same_mutation_by_the_front_door_is_done(proxy: Proxy) -> None:
    status, key = Attack("front-door", body=as_json, headers=JSON).fire(proxy, bare=False)
    assert status == 200
    assert key in partitions(proxy)
    line = json.loads(proxy.logged().splitlines()[-1])
    assert (line["user"], line["mutation"], line["status"]) == ("olga", "1", 200)


@pytest.mark.parametrize("headers", [{}, {"Origin": EVIL}, {"Origin": "own"}], ids=str)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/report_asset_materialization/files", {"metadata": {"forged": True}}),
        ("/report_asset_check/files", {"check_name": "rows_match_schema", "passed": True}),
        ("/report_asset_observation/files", {"data_version": "forged"}),
    ],
)
def test_nobody_reports_events_that_did_not_happen(
    proxy: Proxy, path: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    own = {name: proxy.home() if value == "own" else value for name, value in headers.items()}
    assert proxy.ask("POST", path, bare=True, json=body, headers=own).status_code == 200
    assert proxy.ask("POST", path, json=body, headers=own).status_code == 403
    assert proxy.ask("POST", path, person=None, json=body, headers=own).status_code == 403


@pytest.mark.parametrize(
    "path", ["/server_info", "/dagit_info", "/notebook?path=a.ipynb&repoLocName=quire"]
)
def test_what_nobody_needs_from_outside_is_closed(proxy: Proxy, path: str) -> None:
    assert proxy.ask("GET", path, bare=True).status_code == 200
    assert proxy.ask("GET", path).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"])
def test_other_methods_on_graphql_are_refused(proxy: Proxy, method: str) -> None:
    answer = proxy.ask(method, "/graphql", headers={"Origin": proxy.home()})
    # TRACE is nginx's own refusal.
    assert answer.status_code == (405 if method == "TRACE" else 403)


def test_pages_are_read_only_by_oneself(proxy: Proxy) -> None:
    def status(method: str = "GET", path: str = "/runs", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return proxy.ask(method, path, headers=named).status_code

    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert status() == 200
    assert status(**link, Sec_Fetch_Dest="document") == 200
    assert status(**link, Sec_Fetch_Dest="iframe") == 403
    assert (
        status(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image") == 403
    )
    assert status("POST") == 403
    for path in ("/logs/x/..%2fa/compute_logs/b/out", "/_next/./x", "//logs/a/compute_logs/b/err"):
        assert status(path=path) == 403
    # A path that is no file of the UI's is the UI, whatever Dagster serves there or may one day.
    for path in ("/vendor/graphiql/graphiql.min.js", "/logs/a/compute_logs/..%2f..%2fb/out"):
        assert b"<!DOCTYPE html>" in proxy.ask("GET", path).content


def subscribe(socket: ClientConnection) -> dict[str, Any]:
    socket.send(json.dumps({"type": "connection_init"}))
    assert json.loads(socket.recv(10))["type"] == "connection_ack"
    query = 'subscription { pipelineRunLogs(runId: "none") { __typename } }'
    start = {"type": "start", "id": "1", "payload": {"query": query}}
    socket.send(json.dumps(start))
    answer: dict[str, Any] = json.loads(socket.recv(10))
    return answer


def open_socket(
    proxy: Proxy, *, bare: bool, origin: str | None, person: str | None = "olga"
) -> ClientConnection:
    headers = {} if person is None or bare else {"Cookie": proxy.login.session(person)}
    protocols = [Subprotocol("graphql-ws")]
    if bare:
        url = f"ws://127.0.0.1:{proxy.webserver}/graphql"
        return connect(url, origin=origin, subprotocols=protocols)  # type: ignore[arg-type]
    raw = socket.create_connection(("127.0.0.1", proxy.port))
    return connect(
        f"wss://{HOST}:{proxy.port}/graphql",
        sock=raw,
        ssl=trusting(),
        origin=origin,  # type: ignore[arg-type]
        subprotocols=protocols,
        additional_headers=headers,
    )


@pytest.mark.parametrize("origin", [EVIL, "null", None])
def test_a_foreign_page_cannot_listen(proxy: Proxy, origin: str | None) -> None:
    with open_socket(proxy, bare=True, origin=origin) as opened:
        assert subscribe(opened)["type"] == "data"
    assert status_of_socket(proxy, origin) == 403


def status_of_socket(proxy: Proxy, origin: str | None) -> int:
    """How a socket is refused; a connection that broke before it could ask is tried again."""
    for _ in range(3):
        try:
            with open_socket(proxy, bare=False, origin=origin):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code
        except ConnectionClosedError:
            continue
    raise AssertionError("no answer in three tries")


def test_own_pages_listen_after_log_in(proxy: Proxy) -> None:
    with open_socket(proxy, bare=False, origin=proxy.home()) as opened:
        assert opened.subprotocol == "graphql-ws"
        assert subscribe(opened)["type"] == "data"
        # Dagster looks for it among subscriptions only.
        query = {"query": mutation("by-socket")}
        opened.send(json.dumps({"type": "start", "id": "2", "payload": query}))
        assert '"by-socket"' not in json.dumps(sorted(partitions(proxy)))
    for person, status in ((None, 401), ("rita", 403)):
        with pytest.raises(InvalidStatus) as refused:
            open_socket(proxy, bare=False, origin=proxy.home(), person=person)
        assert refused.value.response.status_code == status


def test_an_upgrade_that_is_none_does_not_reach_graphql(proxy: Proxy) -> None:
    """Without a WebSocket's key a server may take the request for an ordinary GET."""
    path = f"/graphql?query={quote(mutation('upgrade'))}"
    headers = {"Connection": "upgrade", "Upgrade": "websocket", "Origin": proxy.home()}
    assert proxy.ask("GET", path, headers=headers).status_code >= 400
    headers["Upgrade"] = "h2c"
    assert proxy.ask("GET", path, headers=headers).status_code == 403
    assert "upgrade" not in partitions(proxy)


def test_two_requests_in_one_are_two_requests(proxy: Proxy) -> None:
    """Lengths that contradict each other: nginx refuses, and nothing is left over for Dagster."""
    inner = f"GET /graphql?query={quote(mutation('smuggled'))} HTTP/1.1\r\nHost: x\r\n\r\n"
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: {HOST}:{proxy.port}\r\nOrigin: {proxy.home()}\r\n"
        f"Cookie: {proxy.login.session('olga')}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {5 + len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
    )
    with (
        socket.create_connection(("127.0.0.1", proxy.port), 10) as raw,
        trusting().wrap_socket(raw, server_hostname=HOST) as wrapped,
    ):
        wrapped.sendall(request.encode())
        assert wrapped.recv(4096).startswith(b"HTTP/1.1 400")
    assert "smuggled" not in partitions(proxy)


READER_BODIES: dict[str, Callable[[str], bytes]] = {
    "plain": as_json,
    "escaped": lambda query: as_json(query).replace(b"mutation", b"\\u006dutation"),
    "utf-16": lambda query: json.dumps({"query": query}).encode("utf-16"),
    "utf-16 without a mark": lambda query: json.dumps({"query": query}).encode("utf-16-le"),
    "after a comment": lambda query: as_json(f"# {'x' * 40_000}\n{query}"),
}


@pytest.mark.parametrize("name", READER_BODIES)
def test_readers_change_nothing(proxy: Proxy, name: str) -> None:
    """Refused twice: by the proxy, and by `--read-only`, which lets two small mutations pass."""

    def send(query: str, *, bare: bool) -> tuple[int, bytes]:
        answer = proxy.ask(
            "POST", "/graphql", host=READERS, person="rita", bare=bare,
            headers=JSON | {"Origin": proxy.home(READERS)}, content=READER_BODIES[name](query),
        )  # fmt: skip
        return answer.status_code, answer.content

    behind = send(mutation(f"reader-{name}"), bare=True)
    assert behind[0] == 200
    assert b"UnauthorizedError" in behind[1]
    assert send("mutation { setNuxSeen }", bare=True)[1] == b'{"data":{"setNuxSeen":true}}'
    for query in (mutation(f"reader-{name}"), "mutation { setNuxSeen }"):
        assert send(query, bare=False)[0] == 403
    assert f"reader-{name}" not in partitions(proxy)


def test_readers_read(proxy: Proxy) -> None:
    origin = {"Origin": proxy.home(READERS)}
    question = {"query": _KEYS}
    for person, status in (("rita", 200), ("olga", 200), ("nobody", 403), (None, 401)):
        answer = proxy.ask(
            "POST", "/graphql", host=READERS, person=person, headers=origin, json=question
        )
        assert answer.status_code == status
    answer = proxy.ask("POST", "/graphql", host=READERS, person="rita", headers=origin,
                       json={"query": "{ permissions { permission value } }"})  # fmt: skip
    granted = {row["permission"] for row in answer.json()["data"]["permissions"] if row["value"]}
    assert "launch_pipeline_execution" not in granted
    # The operators' host is not theirs, nor is either host's page good for the other's requests.
    ours = {"Origin": proxy.home()}
    assert (
        proxy.ask("POST", "/graphql", person="rita", headers=ours, json=question).status_code == 403
    )
    assert proxy.ask("POST", "/graphql", headers=origin, json=question).status_code == 403


def test_a_forged_host_gets_nothing_over_tls_either(proxy: Proxy) -> None:
    context = trusting()
    with (
        socket.create_connection(("127.0.0.1", proxy.port), 10) as raw,
        context.wrap_socket(raw, server_hostname="evil.example") as wrapped,
    ):
        assert isinstance(wrapped, ssl.SSLSocket)
        wrapped.sendall(
            f"GET http://evil.example/ HTTP/1.1\r\nHost: {HOST}:{proxy.port}\r\n"
            f"Cookie: {proxy.login.session('olga')}\r\n\r\n".encode()
        )
        assert wrapped.recv(4096).startswith(b"HTTP/1.1 403")
