"""`QUIRE_STORAGE_OPTIONS` and the AWS_* environment, in the words of each library that reads a lake.

Here: the words of deltalake, of polars and of fsspec. Not here: reading or writing anything.

The settings use the words of deltalake's object store (`aws_access_key_id`, `aws_endpoint_url`,
`google_service_account`, `azure_storage_account_name` and so on, with or without the prefix). What
is not said is left to each library's own look at the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

RETRY_SECONDS: Final = 30
"""How long a library goes on trying one request to a store that does not answer or asks it to slow
down. A stage then fails, and is tried again as a whole."""
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 30
_PREFIX: Final = re.compile(r"^(aws_s3_|aws_|google_|azure_storage_|azure_)")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ONLY_DELTA: Final = re.compile(r"^(max_retries|retry_timeout|backoff_config\..*)$", re.IGNORECASE)
_S3: Final = {
    "access_key_id": "key",
    "secret_access_key": "secret",
    "session_token": "token",
    "token": "token",
    "endpoint_url": "endpoint_url",
    "endpoint_url_s3": "endpoint_url",
    "endpoint": "endpoint_url",
}
_GCS: Final = {
    "service_account": "token",
    "service_account_path": "token",
    "application_credentials": "token",
}
_AZURE: Final = {
    "account_name": "account_name",
    "account_key": "account_key",
    "access_key": "account_key",
    "sas_token": "sas_token",
    "sas_key": "sas_token",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "tenant_id": "tenant_id",
    "connection_string": "connection_string",
}


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
    return {"retry_timeout": f"{RETRY_SECONDS}s", **given, **_delta_own(options)}


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
    plain = _plain(options)
    words = _AZURE if root.startswith(("az://", "abfs://", "abfss://", "adl://")) else _GCS
    if not _is_s3(root):
        return {"use_listings_cache": False} | _translated(plain, words)
    result: dict[str, Any] = {"use_listings_cache": False} | _translated(plain, _S3)
    endpoint = endpoint_of(options)
    if endpoint is not None:
        result["endpoint_url"] = endpoint
    if _is_true(plain.get("skip_signature")):
        result["anon"] = True
    if plain.get("region"):
        result["client_kwargs"] = {"region_name": plain["region"]}
    virtual = _is_true(plain.get("virtual_hosted_style_request"))
    config: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": 4},
    }
    result["config_kwargs"] = config | ({"s3": {"addressing_style": "virtual"}} if virtual else {})
    return result


def _translated(plain: Mapping[str, str], words: Mapping[str, str]) -> dict[str, Any]:
    return {words[name]: value for name, value in plain.items() if name in words and value}


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on")
