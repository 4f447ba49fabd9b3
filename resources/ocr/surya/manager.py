"""What surya's predictors take for their inference manager: every request watched, none swallowed.

Here: surya's `generate` over our client. surya's own gives an empty text for HTTP 500, a time-out
and rubbish alike, and its predictors an empty page for that; here a request without an answer ends
the page with its class. A full page that came back looped, cut off or empty is handed on as an
error, upon which surya reads it block by block; what is wrong with a block ends the page. Not here:
HTTP (`client.py`), and what is made of the blocks (`reading.py`).

surya's manager, which starts servers, is never made.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

from resources.errors import DocumentError, ErrorClass
from resources.ocr.surya.client import Client, Reply
from resources.ocr.surya.server import REPEATS

if TYPE_CHECKING:
    from PIL import Image
    from surya.inference.schema import BatchInputItem, BatchOutputItem

TOP_P: Final = 0.1
"""surya's own, beside temperature 0."""
RETRY_STEP: Final = 0.2
RETRY_TOP_P: Final = 0.95
"""surya's own way out of a loop: each try this much less greedy."""
MAX_TOKENS: Final = 2_048
"""Where surya names no limit."""
_FAULTS: Final = {
    ErrorClass.INVALID_OUTPUT: "the model repeats itself without end",
    ErrorClass.TRUNCATED_OUTPUT: "the model's answer was cut off at its limit of tokens",
    ErrorClass.OCR_FAILED: "the model answered nothing",
}


class PageManager:
    """The inference manager of one image.

    Attributes:
        fault: What was wrong with the reading of the full page, if anything was.
        input_tokens: Of all answers.
        output_tokens: Of all answers.
        n_calls: Answers.
        has_probabilities: Whether the server says how sure the model was.
    """

    def __init__(self, client: Client) -> None:
        """Ask through this client."""
        self._client = client
        self.fault: ErrorClass | None = None
        self.input_tokens = 0
        self.output_tokens = 0
        self.n_calls = 0
        self.has_probabilities = False

    def generate(self, batch: list[BatchInputItem]) -> list[BatchOutputItem]:
        """surya's: an output for each item, in order.

        Raises:
            DocumentError: An item got no answer that can be used.
            EngineError: The server is gone.
        """
        return [self._one(item) for item in batch]

    def _one(self, item: BatchInputItem) -> BatchOutputItem:
        from surya.inference.prompts import PROMPT_TYPE_HIGH_ACCURACY_BBOX
        from surya.inference.schema import BatchOutputItem

        body = request_body(item, self._client.server.model)
        reply, loops = self._answered(body)
        fault = _fault(reply, loops=loops)
        if fault is not None:
            if item.prompt_type != PROMPT_TYPE_HIGH_ACCURACY_BBOX:
                if fault is not ErrorClass.OCR_FAILED:
                    raise DocumentError(fault, told(fault))
            else:
                self.fault = fault
        return BatchOutputItem(
            raw=reply.text,
            token_count=reply.output_tokens,
            # An empty page that surya takes for blank is judged by the ink that we saw on it.
            error=fault is not None and fault is not ErrorClass.OCR_FAILED,
            mean_token_prob=reply.mean_probability,
            metadata=item.metadata,
        )

    def _answered(self, body: dict[str, Any]) -> tuple[Reply, bool]:
        """The first answer that does not end in a loop, or the last one that does."""
        greedy = body["temperature"]
        for repeat in range(REPEATS + 1):
            if repeat:
                warmer = min(greedy + RETRY_STEP * repeat, 0.8)
                body = {**body, "temperature": warmer, "top_p": RETRY_TOP_P, "seed": repeat}
            reply = self._client.ask(body)
            self.n_calls += 1
            self.has_probabilities |= reply.mean_probability is not None
            self.input_tokens += reply.input_tokens
            self.output_tokens += reply.output_tokens
            loops = _loops(reply.text)
            if not loops:
                break
        return reply, loops


def told(fault: ErrorClass) -> str:
    """A fault in words."""
    return _FAULTS[fault]


def request_body(item: BatchInputItem, model: str) -> dict[str, Any]:
    """The chat completion that surya would ask for, with probabilities of the tokens."""
    from surya.inference.prompts import PROMPT_MAPPING
    from surya.inference.util import scale_to_fit

    content = [
        {"type": "image_url", "image_url": {"url": _data_url(scale_to_fit(item.image))}},
        {"type": "text", "text": item.prompt or PROMPT_MAPPING[item.prompt_type]},
    ]
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": item.max_tokens or MAX_TOKENS,
        "temperature": item.temperature if item.temperature is not None else 0.0,
        "top_p": item.top_p if item.top_p is not None else TOP_P,
        "logprobs": True,
    }
    if item.guided_json is not None:
        schema = {"name": "structured_output", "schema": item.guided_json, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)  # a quarter of the default's time
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _loops(text: str) -> bool:
    from surya.inference.util import detect_repeat_token

    return detect_repeat_token(text) or (
        len(text) > 50 and detect_repeat_token(text, cut_from_end=50)
    )


def _fault(reply: Reply, *, loops: bool) -> ErrorClass | None:
    if loops:
        return ErrorClass.INVALID_OUTPUT
    if reply.finish_reason == "length":
        return ErrorClass.TRUNCATED_OUTPUT
    return None if reply.text.strip() else ErrorClass.OCR_FAILED
