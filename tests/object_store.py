"""A real S3 server on a free port: moto in server mode, one per test session, as a process.

Here: starting it, buckets, and putting objects with boto3. Not here: what is listed or read
(`tests/resources/landing`), or tables in a bucket.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

_SERVER = """
import sys
from moto.moto_server.utilities import RegexConverter
begin = RegexConverter.__init__

def any_key(self, url_map, *items):  # as it is, a key with a newline has no route
    begin(self, url_map, *items)
    self.regex = f"(?s:{self.regex})"

RegexConverter.__init__ = any_key
from moto.server import main
main(sys.argv[1:])
"""
KEY, SECRET, REGION = "quire-tests", "not-a-secret", "us-east-1"


@dataclass(frozen=True)
class ObjectStore:
    """An S3 server, and how Quire is told of it."""

    endpoint: str

    @property
    def storage_options(self) -> dict[str, str]:
        """What `QUIRE_STORAGE_OPTIONS` holds."""
        return {
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "aws_region": REGION,
            "aws_endpoint_url": self.endpoint,
            "aws_allow_http": "true",
        }

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )

    def bucket(self, prefix: str = "quire") -> str:
        """A new, empty bucket; returns its name."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        client = self.client
        for key, data in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=data)

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]


@pytest.fixture(scope="session")
def s3() -> Iterator[ObjectStore]:
    """The session's server, stopped at its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", str(port)]
    # Without the caller's AWS settings: moto would sign nothing with them, yet log them.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    server = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    store = ObjectStore(f"http://127.0.0.1:{port}")
    try:
        _wait_until_it_answers(store.endpoint, server)
        yield store
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_until_it_answers(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{endpoint}/moto-api/", timeout=5)
            return
        except requests.ConnectionError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
