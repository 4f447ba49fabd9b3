"""A real nginx with the configuration that is shipped, before real web servers of Dagster.

The webserver, its read-only twin and nginx are processes of their own, over one instance and one
code server that holds the project's definitions. Log-in is `login`.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from resources.settings import REPOSITORY_ROOT
from tests.deploy.proxy.login import Login, login_server
from tests.end_to_end.running import Place, make_place

SHIPPED = REPOSITORY_ROOT / "deploy" / "proxy"
HOST, READERS = "quire.test", "read.quire.test"

# Without a queue a run starts at once, and needs no daemon.
_INSTANCE = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""


@dataclass(frozen=True)
class Proxy:
    """Where everything listens."""

    place: Place
    folder: Path
    login: Login
    port: int
    webserver: int
    readonly: int

    def home(self, host: str = HOST) -> str:
        return f"https://{host}:{self.port}"

    def bare(self, host: str = HOST) -> str:
        """The web server behind, without the proxy."""
        return f"http://127.0.0.1:{self.webserver if host == HOST else self.readonly}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        host: str = HOST,
        person: str | None = "olga",
        bare: bool = False,
        **given: Any,
    ) -> httpx.Response:
        """One request, through the proxy or past it, with the headers as given and no others."""
        headers = dict(given.pop("headers", {}))
        if person is not None and not bare:
            headers["Cookie"] = self.login.session(person)
        if not bare:
            headers.setdefault("Host", f"{host}:{self.port}")
        base = self.bare(host) if bare else f"https://127.0.0.1:{self.port}"
        # The path as it is given: httpx would mend what is odd.
        extensions = {"sni_hostname": host, "target": path.encode()}
        with httpx.Client(verify=trusting(), timeout=60) as client:
            return client.request(
                method, base + path, headers=headers, extensions=extensions, **given
            )

    def logged(self) -> str:
        return (self.folder / "access.log").read_text()


def needs_nginx() -> str:
    """The path of nginx, or a skip that says how to get it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        pytest.skip("no nginx: apt-get install nginx")
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate: apt-get install openssl")
    return found


def render(folder: Path, values: dict[str, str]) -> Path:
    """What is shipped, filled in as the nginx image does, with its own folder instead of /tmp."""
    for part in ("snippets", "conf.d", "tls.d"):
        (folder / part).mkdir(parents=True)
    for source in SHIPPED.glob("snippets/*.conf"):
        shutil.copy(source, folder / "snippets")
    main = (SHIPPED / "nginx.conf").read_text()
    main = main.replace(" /tmp/", f" {folder}/").replace("/dev/stderr", "stderr")
    (folder / "nginx.conf").write_text(main.replace("/dev/stdout", f"{folder}/access.log"))
    for source in SHIPPED.glob("templates/*.conf.template"):
        # As envsubst does with NGINX_ENVSUBST_FILTER=^PROXY_; a variable without a value stays, and
        # nginx refuses to start.
        done = re.sub(
            r"\$\{(PROXY_\w+)\}", lambda found: values.get(found[1], found[0]), source.read_text()
        )
        (folder / "conf.d" / source.name.removesuffix(".template")).write_text(
            done.replace("127.0.0.1:8079", f"127.0.0.1:{free_port()}")
        )
    return folder / "nginx.conf"


def values(login: int, webserver: int, readonly: int, port: int) -> dict[str, str]:
    """Every variable of the template."""
    return {
        "PROXY_LISTEN": f"127.0.0.1:{port} ssl",
        "PROXY_HOST": HOST,
        "PROXY_READERS_HOST": READERS,
        "PROXY_PORT": f":{port}",
        "PROXY_OPERATORS": "quire-operators",
        "PROXY_READERS": "quire-operators,quire-readers",
        "PROXY_WEBSERVER": f"127.0.0.1:{webserver}",
        "PROXY_READONLY": f"127.0.0.1:{readonly}",
        "PROXY_OAUTH2": f"127.0.0.1:{login}",
        "PROXY_TRUSTED": "192.0.2.0/24",
    }


@contextmanager
def nginx_running(folder: Path, given: dict[str, str]) -> Iterator[None]:
    """Nginx over `given`, with a certificate of its own."""
    program = needs_nginx()
    configuration = render(folder, given)
    certify(folder)
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(configuration)]
    with (folder / "error.log").open("w") as errors:
        checked = subprocess.run([*command, "-t"], stderr=errors, check=False)
        assert checked.returncode == 0, (folder / "error.log").read_text()
        process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=errors)
    try:
        listening(int(given["PROXY_LISTEN"].split()[0].rpartition(":")[2]), process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def certify(folder: Path) -> None:
    """A certificate that nobody trusts, put where an operator puts theirs."""
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-days", "1", "-subj", f"/CN={HOST}",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True,
        check=True,
    )  # fmt: skip
    shipped = (SHIPPED / "tls.conf").read_text().replace("/etc/nginx/tls/", f"{folder}/")
    (folder / "tls.d" / "tls.conf").write_text(shipped)


@contextmanager
def whole(root: Path) -> Iterator[Proxy]:
    """Everything, from the code server to nginx."""
    needs_nginx()
    place = make_place(root / "place", layout="off")
    (place.root / "dagster_home" / "dagster.yaml").write_text(_INSTANCE)
    code, webserver, readonly, port = (free_port() for _ in range(4))
    workspace = root / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {code}, location_name: quire}}\n"
    )
    folder = root / "nginx"
    served = ("dagster_webserver", "-w", str(workspace))
    with ExitStack() as stack:
        grpc = ("dagster", "api", "grpc", "-f", "definitions.py", "-p", str(code))
        listening(code, stack.enter_context(module(place, *grpc, "-d", str(REPOSITORY_ROOT))))
        first = stack.enter_context(module(place, *served, "-p", str(webserver)))
        second = stack.enter_context(module(place, *served, "-p", str(readonly), "--read-only"))
        login = stack.enter_context(login_server())
        stack.enter_context(nginx_running(folder, values(login.port, webserver, readonly, port)))
        listening(webserver, first)
        listening(readonly, second)
        yield Proxy(place, folder, login, port, webserver, readonly)


@contextmanager
def module(place: Place, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (place.root / f"{command[0]}-{len(list(place.root.iterdir()))}.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=REPOSITORY_ROOT,
            env=place.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # Nothing of theirs is kept, and asked politely they wait for open sockets.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listening(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Waits until something answers on `port`."""
    deadline = time.monotonic() + 90
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process is None or process.poll() is None, "it ended"
            assert time.monotonic() < deadline, f"nothing on port {port}"
            time.sleep(0.05)


@functools.cache
def trusting() -> ssl.SSLContext:
    """For clients that are no browser: the test's own certificate is taken as it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
