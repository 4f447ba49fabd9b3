"""What deltalake, polars and fsspec are given to reach one and the same lake in a bucket.

Here: the endpoint, plain http, and how long each library tries. Not here: what a setting is called
in fsspec's words (`resources/storage_options.py`), or reading and writing.

What the settings do not say is left to each library's own look at the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from resources.storage_options import fsspec_options

RETRY_SECONDS: Final = 20
"""How long a library goes on trying one request to a store that does not answer or asks it to slow
down. A stage then fails, and is tried again as a whole."""
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 30
_ATTEMPTS: Final = 6
"""botocore waits up to 1, 2, 4, 8 and 16 s between them."""
_DELTA_RETRIES: Final = 20
"""Delta's store waits less: its own 10 retries are over after 2 s."""
_PREFIX: Final = re.compile(r"^(aws_s3_|aws_|google_|azure_storage_|azure_)")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ONLY_DELTA: Final = re.compile(r"^(max_retries|retry_timeout|backoff_config\..*)$", re.IGNORECASE)


def _plain(options: Mapping[str, str]) -> dict[str, str]:
    """The same without prefixes; the more exact of two spellings wins by coming last."""
    plain: dict[str, str] = {}
    for name, value in options.items():
        plain[_PREFIX.sub("", name.lower())] = value
    return plain


def _is_s3(root: str) -> bool:
    return root.startswith(("s3://", "s3a://"))


def endpoint_of(options: Mapping[str, str]) -> str | None:
    """The endpoint that the settings or the environment name; None for the provider's own."""
    plain = _plain(options)
    named = plain.get("endpoint_url_s3") or plain.get("endpoint_url") or plain.get("endpoint")
    return named or next((value for e in _ENDPOINTS if (value := os.environ.get(e))), None)


def delta_options(root: str, options: Mapping[str, str]) -> dict[str, str]:
    """What deltalake is given: all that was set, the endpoint, and an end to its patience."""
    given = polars_options(root, options)
    patience = {"retry_timeout": f"{RETRY_SECONDS}s", "max_retries": str(_DELTA_RETRIES)}
    return {**patience, **given, **_delta_own(options)}


def _delta_own(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if _ONLY_DELTA.match(name)}


def polars_options(root: str, options: Mapping[str, str]) -> dict[str, str]:
    """What polars is given: it has words of its own for retries, and gives up after 30 s anyway."""
    given = {name: value for name, value in options.items() if not _ONLY_DELTA.match(name)}
    if not _is_s3(root):
        return given
    plain = _plain(given)
    endpoint = endpoint_of(given)
    if endpoint is not None and "endpoint" not in plain and "endpoint_url" not in plain:
        given["aws_endpoint_url"] = endpoint
    if endpoint is not None and endpoint.startswith("http://") and "allow_http" not in plain:
        given["aws_allow_http"] = "true"
    return given


def filesystem_options(root: str, options: Mapping[str, str]) -> dict[str, Any]:
    """What fsspec is given. Its caches of listings are off: others write, too.

    s3fs answers a read from its cache of listings, even with "not found".
    """
    result = {**fsspec_options(options, root.partition("://")[0]), "use_listings_cache": False}
    if not _is_s3(root):
        return result
    endpoint = endpoint_of(options)
    if endpoint is not None:
        result.setdefault("endpoint_url", endpoint)
    patience = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
    }
    result["config_kwargs"] = patience | result.get("config_kwargs", {})
    return result
