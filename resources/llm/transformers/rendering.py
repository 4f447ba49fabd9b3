"""Messages as the tokens that the model reads.

Here: the model's chat template, or a plain format for a model without one. Not here: what is said
(`assets/summaries`).

What a message says is data: a piece of it that is spelt like one of the tokenizer's own marks
(`<|im_end|>`) is taken apart by a space, else a document could end its turn and begin the system's.

The plain format is a heading for each turn, and the answer begins after the last:

    ### System
    ...

    ### User
    ...

    ### Assistant
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from resources.llm.base import Message
from resources.llm.transformers.foreign import Tokenizer

_REASONING: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class Renderer:
    """Renders messages for one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Learn the tokenizer's own marks."""
        self._tokenizer = tokenizer
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        added = getattr(tokenizer, "added_tokens_decoder", {}).values()
        marks = {
            str(token.content) for token in added if token.special or str(token.content)[:1] == "<"
        }
        marks |= set(getattr(tokenizer, "all_special_tokens", ()))
        longest_first = sorted((m for m in marks if len(m) > 1), key=lambda m: (-len(m), m))
        self._marks = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, messages: Sequence[Message]) -> str:
        """The prompt, up to where the answer begins.

        Raises:
            ValueError: The chat template refuses these messages.
        """
        turns = [{"role": m.role, "content": self.as_data(m.content)} for m in messages]
        if not self._has_template:
            parts = [f"### {turn['role'].title()}\n{turn['content']}\n\n" for turn in turns]
            return "".join(parts) + "### Assistant\n"
        from jinja2 import TemplateError  # comes with torch

        try:
            try:
                return self._templated(turns)
            except TemplateError:
                if turns[0]["role"] != "system" or len(turns) < 2:
                    raise
                # Gemma's template knows no system: what it says goes before the user's words.
                said = f"{turns[0]['content']}\n\n{turns[1]['content']}"
                return self._templated([{**turns[1], "content": said}, *turns[2:]])
        except TemplateError as error:
            raise ValueError(f"the model's chat template refuses: {error}") from error

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens; a template writes its own beginning of text."""
        encoded = self._tokenizer(self.text(messages), add_special_tokens=not self._has_template)
        return list(encoded["input_ids"])

    def answer(self, tokens: Sequence[int]) -> str:
        """The text of what was generated, without marks and without reasoning."""
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return _REASONING.sub("", text).strip()

    def as_data(self, content: str) -> str:
        """Content without anything that the tokenizer would read as its own mark."""
        while self._marks is not None and self._marks.search(content):
            content = self._marks.sub(lambda m: f"{m.group()[0]} {m.group()[1:]}", content)
        return content

    def _templated(self, turns: list[dict[str, str]]) -> str:
        # Models that reason first (Qwen3) are asked not to; other templates ignore the word.
        text: str = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return text
