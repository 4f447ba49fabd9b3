"""A Postgres of the test's own, as Dagster's database: Debian's, in a temporary folder, on a port.

Here: starting, one database a test, stopping. Not here: tables (Dagster makes its own).
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

USER: Final = "dagster"
PASSWORD: Final = "a-password-for-tests"
_FAST: Final = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
"""What is lost in a power cut is the test's; each pod holds a few connections."""


@dataclass
class Postgres:
    """Where it listens."""

    port: int
    binaries: Path
    made: list[str] = field(default_factory=list)

    def database(self) -> str:
        """A new, empty database; its name."""
        name = f"dagster_{len(self.made)}"
        command = [str(self.binaries / "createdb"), "-h", "127.0.0.1", "-p", str(self.port)]
        env = {**os.environ, "PGPASSWORD": PASSWORD}
        subprocess.run([*command, "-U", USER, name], env=env, check=True)
        self.made.append(name)
        return name

    def storage(self, database: str, password: Any) -> dict[str, Any]:
        """Dagster's `storage` over one of the databases."""
        place = {"hostname": "127.0.0.1", "port": self.port, "db_name": database}
        # SQLAlchemy 2.1 takes `postgresql://` for psycopg 3, and dagster-postgres brings psycopg 2.
        place |= {"username": USER, "password": password, "scheme": "postgresql+psycopg2"}
        return {"postgres": {"postgres_db": place}}


def binaries() -> Path:
    """The folder of initdb, or a skip that says how to get it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    if found is None and not folders:
        pytest.skip("no Postgres: apt-get install postgresql")
    return folders[-1] if folders else Path(str(found)).resolve().parent


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server on a free port; as root it runs as the user `postgres`, since it refuses root."""
    where = binaries()
    user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="quire-postgres-") as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        make = [str(where / "initdb"), "-D", str(data), "-U", USER, "--no-sync", "-E", "UTF8"]
        make += ["--auth=scram-sha-256", f"--pwfile={password}", "--locale=C.UTF-8"]
        subprocess.run(make, user=user, check=True, capture_output=True, cwd=folder)
        port = _free_port()
        run = [str(where / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
        for key, value in _FAST.items():
            run += ["-c", f"{key}={value}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(run, user=user, stdout=log, stderr=log, cwd=folder)
        try:
            _wait(where, port, folder / "log", server)
            yield Postgres(port, where)
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:  # connections that nobody closed
                server.kill()
                server.wait()


def _wait(where: Path, port: int, log: Path, server: subprocess.Popen[bytes]) -> None:
    ready = [str(where / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(200):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        if server.poll() is not None:
            break
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError(f"Postgres did not start: {log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
