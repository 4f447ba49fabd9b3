"""surya's small models from folders: they look at what was read, and start and download nothing."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("surya")
from PIL import Image

from assets.pages.served.asks import Ask
from assets.pages.served.blocks import result_of
from resources.errors import EngineError, ErrorClass, SettingError
from resources.llm.torchvision_guard import guard_torchvision
from resources.ocr.surya.client import Client
from resources.ocr.surya.local import DETECTOR, OCR_ERROR, Folders, SecondLook, configured_folders
from resources.ocr.surya.reading import read_image
from resources.ocr.surya.records import ServedBlock, ServedImage
from resources.ocr.surya.server import SuryaServer, version_inputs
from tests.fake_surya_server import MODEL, Script, start
from tests.small_surya import BAD, GOOD, bars, make_detector, make_ocr_error

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    guard_torchvision()
    place = tmp_path_factory.mktemp("surya")
    return Folders(make_detector(place / "detector"), make_ocr_error(place / "ocr-error"))


@pytest.fixture
def look(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> SecondLook:
    found = SecondLook(folders)
    found.load()
    return found


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    server, url = start(script)
    client = Client(SuryaServer(url, MODEL), call_timeout=5, most=8, first_wait=0.01)
    yield client
    client.close()
    server.shutdown()


def block(text: str, label: str = "Text") -> ServedBlock:
    return ServedBlock(label, f"<p>{text}</p>", (0.0, 0.0, 1.0, 1.0), 0.9)


def answer(image: ServedImage, *, n_lines: int = 0, has_letters: bool = False) -> dict[str, object]:
    """What the worker gets of it; `n_lines` are those of the embedded engine."""
    ask = Ask((0.0, 0.0, 100.0, 100.0), 0, 100, 100, n_lines, has_letters=has_letters)
    return {"ask": ask.as_record(), **asdict(image)}


def test_lines_are_counted_by_surya_s_own_detector(look: SecondLook) -> None:
    assert [look.n_lines(bars(n, scale=4), ()) for n in (1, 2, 5)] == [1, 2, 5]


def test_lines_of_a_long_text_are_not_counted(look: SecondLook) -> None:
    assert look.n_lines(bars(5), [block("word " * 200)]) is None


def test_garbled_prose_is_told_from_words(look: SecondLook) -> None:
    assert look.garbled([block(GOOD * 4)]) == 0.0
    assert look.garbled([block(BAD * 4)]) == 1.0
    assert look.garbled([block(BAD * 4, "Table"), block("12")]) is None


def test_a_page_that_the_model_passed_over_is_not_believed(
    script: Script, client: Client, look: SecondLook
) -> None:
    script.of = lambda *_: ("text", "x")
    found = read_image(client, bars(5, scale=4), look)
    assert (found.error_class, found.n_lines) == (None, 5)
    assert "5 lines of text" in (result_of(answer(found)).problem or "")
    # Without a detector of surya's, the embedded engine's lines count.
    plain = read_image(client, bars(5, scale=4))
    assert plain.n_lines is None
    assert result_of(answer(plain)).problem is None
    assert result_of(answer(plain, n_lines=7)).problem is not None


def test_an_empty_answer_where_lines_stand_is_a_failure(
    script: Script, client: Client, look: SecondLook
) -> None:
    script.of = lambda *_: ("empty", "")
    found = read_image(client, bars(4, scale=4), look)
    assert (found.error_class, found.is_empty, found.n_lines) == (ErrorClass.OCR_FAILED, True, 4)
    with pytest.raises(Exception, match=str(found.error)):
        result_of(answer(found))
    assert result_of(answer(read_image(client, bars(4, scale=4)))).is_blank


def test_garbled_text_is_a_problem_of_the_page(
    script: Script, client: Client, look: SecondLook
) -> None:
    script.of = lambda *_: ("text", BAD.replace("<z>", "z") * 6)
    found = read_image(client, bars(1, scale=4), look)
    assert found.garbled == 1.0
    assert "garbled" in (result_of(answer(found)).problem or "")
    words = f"{GOOD} and more of them were pressed under the beam, then dried on a rope in the loft"
    script.of = lambda *_: ("text", words)
    assert result_of(answer(read_image(client, bars(1, scale=4), look))).problem is None


def test_a_failure_is_not_looked_at(script: Script, client: Client, look: SecondLook) -> None:
    script.of = lambda *_: ("500", "")
    found = read_image(client, bars(4), look)
    assert (found.n_lines, found.garbled, found.is_empty) == (None, None, False)


def test_a_look_that_fails_leaves_the_first_one(
    look: SecondLook, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert look.n_lines(Image.new("RGB", (0, 0)), ()) is None
    assert "second look" in caplog.text


def test_no_server_is_started_and_nothing_is_downloaded(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    fresh = SecondLook(folders)
    fresh.load()
    assert fresh.n_lines(bars(2, scale=4), ()) == 2


def test_without_folders_there_is_no_second_look(client: Client) -> None:
    none = SecondLook(Folders())
    none.load()
    found = read_image(client, bars(3, scale=4), none)
    assert (found.n_lines, found.garbled) == (None, None)


def test_a_folder_of_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(EngineError, match=DETECTOR):
        SecondLook(Folders(detector=tmp_path)).load()


@pytest.mark.parametrize("variable", [DETECTOR, OCR_ERROR])
@pytest.mark.parametrize("value", ["s3://text_detection/2025_05_07", "/no/such/folder"])
def test_weights_are_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError, match="downloads no weights"):
        configured_folders()


def test_the_models_are_part_of_the_version(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURYA_INFERENCE_URL", "http://one:8000/v1")
    plain = version_inputs()
    monkeypatch.setenv(DETECTOR, str(folders.detector))
    looked = version_inputs()
    assert looked.keys() - plain.keys() == {"surya_detector"}
    monkeypatch.setenv(OCR_ERROR, str(folders.ocr_error))
    assert version_inputs().keys() - looked.keys() == {"surya_ocr_error"}
