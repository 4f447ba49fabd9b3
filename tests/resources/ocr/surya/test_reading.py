"""Surya's own predictor against a stand-in server: every fault is a failure with its class."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

pytest.importorskip("surya")
from PIL import Image

from resources.errors import EngineError, ErrorClass
from resources.ocr.surya.asking import Asking, Pixels
from resources.ocr.surya.client import MAX_UNANSWERED, Client
from resources.ocr.surya.reading import read_image
from resources.ocr.surya.records import ServedImage
from resources.ocr.surya.server import SuryaServer
from tests.fake_surya_server import MODEL, Script, start
from tests.scans import picture

pytestmark = pytest.mark.models


def image(number: int = 1) -> Image.Image:
    pixmap = picture(number)
    return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    server, url = start(script)
    client = Client(SuryaServer(url, MODEL), call_timeout=2, most=8, first_wait=0.01)
    yield client
    client.close()
    server.shutdown()


def behave(script: Script, page: str, text: str = "", **others: str) -> None:
    """The full page answers so; layout and blocks as named, or likewise."""
    behaviours = {"page": page, "layout": page, "block": page} | others
    script.of = lambda _, kind: (behaviours[kind], text or "Words that stand on the page.")


def test_a_page_is_its_blocks_with_tokens_and_confidence(script: Script, client: Client) -> None:
    found = read_image(client, image())
    assert found.error_class is None
    (block,) = found.blocks
    assert block.label == "Text"
    assert block.html == "<p>Words of page 1.</p>"
    assert block.box == pytest.approx((0.08, 0.1, 0.9, 0.8), abs=0.002)
    assert block.confidence == pytest.approx(0.9)
    assert (found.input_tokens, found.output_tokens, found.n_calls) == (1000, 50, 1)
    assert script.asked[0].temperature == 0


@pytest.mark.parametrize(
    ("behaviour", "error_class"),
    [
        ("500", ErrorClass.OCR_FAILED),
        ("400", ErrorClass.OCR_FAILED),
        ("drop", ErrorClass.OCR_FAILED),
        ("not_json", ErrorClass.INVALID_OUTPUT),
        ("no_choices", ErrorClass.INVALID_OUTPUT),
        ("rubbish", ErrorClass.INVALID_OUTPUT),
        ("repeat", ErrorClass.INVALID_OUTPUT),
        ("cut", ErrorClass.TRUNCATED_OUTPUT),
        ("slow", ErrorClass.TIMEOUT),
        ("429", ErrorClass.RATE_LIMITED),
        ("empty", ErrorClass.OCR_FAILED),
    ],
)
def test_a_fault_is_a_failure_with_its_class(
    script: Script, client: Client, behaviour: str, error_class: ErrorClass
) -> None:
    client.call_timeout = 0.4
    client._http.timeout = 0.4
    behave(script, behaviour)
    found = read_image(client, image())
    assert found.error_class is error_class, found
    assert found.error
    assert found.blocks == ()
    assert found.is_empty == (behaviour == "empty")


def test_a_fault_that_passes_is_no_failure(script: Script, client: Client) -> None:
    behaviours = iter(["500", "drop", "429", "429"])
    script.of = lambda _, __: (next(behaviours, "text"), "Read at last.")
    assert read_image(client, image()).blocks[0].html == "<p>Read at last.</p>"


@pytest.mark.parametrize("fault", ["repeat", "cut"])
def test_a_page_that_loops_or_is_cut_is_read_by_blocks(
    script: Script, client: Client, fault: str
) -> None:
    behave(script, fault, layout="text", block="text", text="A block of its own.")
    found = read_image(client, image())
    assert [block.html for block in found.blocks] == ["<p>A block of its own.</p>"]
    temperatures = [each.temperature for each in script.asked if each.prompt == "page"]
    assert temperatures == ([0, 0.2, 0.4] if fault == "repeat" else [0])


def test_an_empty_page_is_read_by_blocks(script: Script, client: Client) -> None:
    behave(script, "empty", layout="text", block="text", text="A block of its own.")
    assert [b.html for b in read_image(client, image()).blocks] == ["<p>A block of its own.</p>"]


def test_a_block_that_fails_fails_the_page(script: Script, client: Client) -> None:
    behave(script, "repeat", layout="text", block="500")
    found = read_image(client, image())
    assert found.error_class is ErrorClass.OCR_FAILED
    assert found.blocks == ()


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 20_000,
        '<div data-label="Text" data-bbox="nan inf 1e400 -1"><p>words</p></div>',
        '<div data-label="Text" data-bbox="1 2">x</div>',
        '<div data-label="" data-bbox="0 0 1 1">x</div>',
        "\x00\ufffe<!--",
        "<![CDATA[",
    ],
)
def test_html_that_no_parser_expects_is_contained(
    script: Script, client: Client, html: str
) -> None:
    behave(script, "html", html)
    found = read_image(client, image())
    for block in found.blocks:
        assert all(0 <= value <= 1 for value in block.box)
    assert found.blocks or found.error_class


def test_another_model_ends_the_stage_in_one_line(script: Script, client: Client) -> None:
    script.model = "somebody/else"
    with pytest.raises(EngineError, match="serves 'somebody/else'") as raised:
        client.attach()
    assert "\n" not in str(raised.value)


def test_a_server_that_is_not_there_ends_the_stage() -> None:
    client = Client(SuryaServer("http://127.0.0.1:9/v1", MODEL), call_timeout=1, most=1)
    with pytest.raises(EngineError, match="SURYA_INFERENCE_URL"):
        client.attach()


def test_a_server_that_is_ill_ends_the_stage(script: Script, client: Client) -> None:
    script.healthy = False
    with pytest.raises(EngineError, match="not healthy"):
        client.attach()


def test_a_server_that_goes_away_ends_the_stage(script: Script, client: Client) -> None:
    client.attach()
    client.server = SuryaServer("http://127.0.0.1:9/v1", MODEL)
    with pytest.raises(EngineError, match="does not answer"):
        read_image(client, image())


def test_a_server_that_answers_nothing_any_more_ends_the_stage(
    script: Script, client: Client
) -> None:
    behave(script, "500")
    found: list[ServedImage] = []
    with pytest.raises(EngineError, match=f"none of the last {MAX_UNANSWERED}"):
        found.extend(read_image(client, image()) for _ in range(MAX_UNANSWERED))


def test_requests_in_flight_follow_what_the_server_takes(script: Script, client: Client) -> None:
    script.delay, script.busy_above = 0.02, 5
    asking = Asking(client)
    pixmap = picture(1)
    pixels = Pixels(pixmap.width, pixmap.height, pixmap.samples)
    for key in range(60):
        asking.put(key, [pixels])
    answers = []
    deadline = time.monotonic() + 30
    while asking.n_waiting and time.monotonic() < deadline:
        answers += asking.take(0.1)
    asking.close()
    assert len(answers) == 60
    assert all(image.error_class is None for _, (image,) in answers)
    assert 1 < script.most_at_once <= 8
    refused = len(script.asked) - 60
    assert refused < 30
