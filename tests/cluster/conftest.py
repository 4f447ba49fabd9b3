"""One Postgres for all tests of the cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.postgres import Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server; each test makes a database of its own."""
    with postgres_server() as server:
        yield server
