"""`QUIRE_STORAGE_OPTIONS` in the words of each object store's fsspec filesystem.

The setting speaks the words of deltalake's own store (`aws_access_key_id`, `aws_endpoint_url`,
`google_service_account`, `azure_storage_account_name` …), since tables are most of what is read and
written. Here: turning them into fsspec's. Not here: what is done with a filesystem
(`resources/landing`, `resources/lake`).

What the setting does not say, the clouds' own libraries find as they always do: `AWS_*` variables,
`~/.aws`, instance roles, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_*`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from resources.errors import SettingError

_S3: Final = {
    "aws_access_key_id": "key",
    "access_key_id": "key",
    "aws_secret_access_key": "secret",
    "secret_access_key": "secret",
    "aws_session_token": "token",
    "aws_token": "token",
    "session_token": "token",
    "token": "token",
    "aws_endpoint_url": "endpoint_url",
    "aws_endpoint": "endpoint_url",
    "endpoint_url": "endpoint_url",
    "endpoint": "endpoint_url",
}
_S3_REGION: Final = ("aws_region", "aws_default_region", "region", "default_region")
_GS_FILE: Final = (
    "google_service_account",
    "google_service_account_path",
    "service_account",
    "service_account_path",
    "google_application_credentials",
    "application_credentials",
)
_GS_KEY: Final = ("google_service_account_key", "service_account_key")
_GS_URL: Final = ("google_base_url", "base_url", "google_endpoint_url", "endpoint_url")
_AZURE: Final = {
    "account_name": "account_name",
    "account_key": "account_key",
    "access_key": "account_key",
    "master_key": "account_key",
    "sas_token": "sas_token",
    "sas_key": "sas_token",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "tenant_id": "tenant_id",
    "authority_id": "tenant_id",
    "connection_string": "connection_string",
}
_TRUE: Final = ("1", "true", "on", "yes", "y")


def fsspec_options(options: Mapping[str, str], scheme: str = "s3") -> dict[str, Any]:
    """What to make the fsspec filesystem of a scheme with.

    Args:
        options: `QUIRE_STORAGE_OPTIONS`; names in any case, unknown ones are for deltalake alone.
        scheme: `s3`, `gs` or `az`, or another spelling of these (`s3a`, `gcs`, `abfs`, `abfss`).

    Raises:
        SettingError: A value that cannot work.
    """
    known: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
        "s3": _s3, "s3a": _s3, "gs": _gs, "gcs": _gs, "az": _az, "abfs": _az, "abfss": _az,
    }  # fmt: skip
    return known[scheme]({name.lower(): value for name, value in options.items()})


def _s3(options: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {_S3[name]: value for name, value in options.items() if name in _S3}
    if region := _first(options, _S3_REGION):
        result["client_kwargs"] = {"region_name": region}
    if _is_on(options, "aws_skip_signature", "skip_signature"):
        result["anon"] = True
    virtual = ("aws_virtual_hosted_style_request", "virtual_hosted_style_request")
    if _first(options, virtual) is not None or "endpoint_url" in result:
        # Servers of one's own rarely answer to bucket.host names; deltalake's store asks alike.
        style = "virtual" if _is_on(options, *virtual) else "path"
        result["config_kwargs"] = {"s3": {"addressing_style": style}}
    return result


def _gs(options: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if file := _first(options, _GS_FILE):
        if not os.path.isfile(file):  # gcsfs would take the name for an access token
            raise SettingError(
                f"QUIRE_STORAGE_OPTIONS: there is no key file {file}: give its path as "
                "google_service_account"
            )
        result["token"] = file
    elif key := _first(options, _GS_KEY):
        try:
            result["token"] = json.loads(key)
        except json.JSONDecodeError:
            raise SettingError(
                "QUIRE_STORAGE_OPTIONS: google_service_account_key is not JSON: give the key "
                "file's content as a string, or its path as google_service_account"
            ) from None
    elif _is_on(options, "google_skip_signature", "skip_signature"):
        result["token"] = "anon"  # noqa: S105 - gcsfs's word for no credentials
    if url := _first(options, _GS_URL):
        result["endpoint_url"] = url
    return result


def _az(options: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in options.items():
        short = name.removeprefix("azure_").removeprefix("storage_")
        if short in _AZURE:
            result[_AZURE[short]] = value
    if _is_on(options, "azure_skip_signature", "skip_signature"):
        result["anon"] = True
    endpoint = _first(options, ("azure_storage_endpoint", "azure_endpoint", "endpoint"))
    if endpoint:  # adlfs takes an endpoint as part of a connection string only
        parts = {
            "AccountName": result.pop("account_name", None),
            "AccountKey": result.pop("account_key", None),
            "SharedAccessSignature": result.pop("sas_token", None),
            "BlobEndpoint": endpoint,
        }
        given = (f"{name}={value}" for name, value in parts.items() if value)
        result["connection_string"] = ";".join(given)
    elif _account_needs_no_name(result):
        return result
    elif "anon" not in result and not {"account_key", "sas_token"} & result.keys():
        result["anon"] = False  # what the host knows of itself: managed identity, az login
    return result


def _account_needs_no_name(result: Mapping[str, Any]) -> bool:
    return "connection_string" in result or "client_secret" in result


def _first(options: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((options[name] for name in names if options.get(name)), None)


def _is_on(options: Mapping[str, str], *names: str) -> bool:
    return (_first(options, names) or "").lower() in _TRUE
