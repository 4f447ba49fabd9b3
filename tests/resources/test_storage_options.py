"""One setting, in the words of deltalake, for every object store's filesystem."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resources.errors import SettingError
from resources.landing.listing import list_landing
from resources.storage_options import fsspec_options


def test_s3() -> None:
    given = {
        "AWS_ACCESS_KEY_ID": "k",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "aws_region": "eu-west-1",
        "aws_endpoint_url": "http://host:9000",
        "aws_allow_http": "true",
    }
    assert fsspec_options(given, "s3") == {
        "key": "k",
        "secret": "s",
        "token": "t",
        "endpoint_url": "http://host:9000",
        "client_kwargs": {"region_name": "eu-west-1"},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    assert fsspec_options({}, "s3a") == {}
    virtual = {"aws_virtual_hosted_style_request": "true", "aws_skip_signature": "true"}
    assert fsspec_options(virtual, "s3") == {
        "anon": True,
        "config_kwargs": {"s3": {"addressing_style": "virtual"}},
    }


def test_gs(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text("{}")
    assert fsspec_options({"google_service_account": str(key)}, "gs") == {"token": str(key)}
    given = {"google_service_account_key": '{"type": "service_account"}'}
    assert fsspec_options(given, "gs") == {"token": {"type": "service_account"}}
    given = {"google_skip_signature": "true", "google_base_url": "http://host:1"}
    assert fsspec_options(given, "gcs") == {"token": "anon", "endpoint_url": "http://host:1"}
    with pytest.raises(SettingError, match=r"no key file /nope.*give its path"):
        fsspec_options({"google_service_account": "/nope"}, "gs")
    with pytest.raises(SettingError, match="not JSON"):
        fsspec_options({"google_service_account_key": "{"}, "gs")


def test_az() -> None:
    given = {"azure_storage_account_name": "n", "azure_storage_account_key": "k"}
    assert fsspec_options(given, "az") == {"account_name": "n", "account_key": "k"}
    given |= {"azure_storage_endpoint": "http://host:10000/n"}
    assert fsspec_options(given, "abfss") == {
        "connection_string": "AccountName=n;AccountKey=k;BlobEndpoint=http://host:10000/n"
    }
    assert fsspec_options({"account_name": "n"}, "az") == {"account_name": "n", "anon": False}
    given = {"azure_client_id": "i", "azure_client_secret": "s", "azure_tenant_id": "t"}
    assert fsspec_options(given, "az") == {
        "client_id": "i",
        "client_secret": "s",
        "tenant_id": "t",
    }


@pytest.mark.parametrize(
    ("location", "module", "extra"),
    [("gs://bucket/in", "gcsfs", "gcs"), ("az://container/in", "adlfs", "azure")],
)
def test_a_store_whose_extra_is_missing_says_so(
    location: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=rf"pip install 'quire\[{extra}\]'"):
        list_landing(location, {})
