"""The server's address and model come from surya's own variables; without them nothing starts."""

from __future__ import annotations

import pytest

from resources.errors import SettingError
from resources.ocr.surya.server import MODEL, configured_server, version_inputs


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SURYA_INFERENCE_URL", "SURYA_MODEL_CHECKPOINT", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_no_address_says_the_mend() -> None:
    with pytest.raises(SettingError, match="SURYA_INFERENCE_URL=http://host:port/v1"):
        configured_server()


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURYA_INFERENCE_URL", "localhost:8000")
    with pytest.raises(SettingError, match="expected http"):
        configured_server()


@pytest.mark.parametrize("url", ["http://gpu:8000", "http://gpu:8000/v1", "http://gpu:8000/v1/"])
def test_an_address_ends_in_v1(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SURYA_INFERENCE_URL", url)
    monkeypatch.setenv("VLLM_API_KEY", "s3cret")
    server = configured_server()
    assert (server.url, server.health) == ("http://gpu:8000/v1", "http://gpu:8000/health")
    assert server.model == MODEL
    assert "s3cret" not in repr(server)


@pytest.mark.models
def test_the_model_is_part_of_the_version_and_the_address_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("surya")
    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://one:8000/v1")
    one = version_inputs()
    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://two:8000/v1")
    assert version_inputs() == one
    monkeypatch.setenv("SURYA_MODEL_CHECKPOINT", "our/tuned-surya")
    assert version_inputs() != one
