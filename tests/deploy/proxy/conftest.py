"""One proxy, with everything behind it, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.proxy.place import Proxy, whole


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Nginx, log-in, both web servers and a code server."""
    with whole(tmp_path_factory.mktemp("proxy")) as started:
        yield started
