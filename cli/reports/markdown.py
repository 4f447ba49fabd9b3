"""Markdown of a document as HTML that can do nothing: no tags of its own, no links, no loading.

Here: CommonMark with tables. Not here: how Quire writes markdown (`assets/pages`, `assets/docs`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from resources.report.escaping import safe, visible

RENDERED: Final = 100_000
"""Characters of markdown that are rendered; beyond, the raw text says it."""
_SHA256: Final = re.compile(r"image:([0-9a-f]{64})")

_TAGS: Final = frozenset({"<sup>", "</sup>", "<br>"})
"""What `assets/pages/markdown.py` writes besides CommonMark's own signs."""


def rendered(markdown: str, images: Mapping[str, str] | None = None) -> str:
    """Markdown as HTML; tags in it are shown as text, links and images as words.

    Args:
        markdown: Anything.
        images: The anchor in this page of each image that is shown, by sha256.
    """
    text = visible(markdown[:RENDERED], lines=True)
    html = str(_parser().render(text, {"images": images or {}}))
    if len(markdown) > RENDERED:
        missing = f"{len(markdown) - RENDERED:,}"
        html += f'<p class="note">… and {missing} more characters, see the raw markdown</p>'
    return html


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}, renderer_cls=_Renderer)
    return parser.enable("table").disable("html_block")


class _Renderer(RendererHTML):
    """HTML without anything that loads or leads elsewhere, nor an attribute made of data."""

    def html_inline(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        """The tags that Quire writes; any other is text."""
        tag = tokens[index].content
        return tag if tag in _TAGS else safe(tag)

    def link_open(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        """The address is shown, not followed."""
        return f'<span class="link" title="{safe(tokens[index].attrs.get("href"))}">'

    def link_close(self, *_: object) -> str:
        """The end of one."""
        return "</span>"

    def image(self, tokens: Sequence[Token], index: int, _: OptionsDict, env: EnvType) -> str:
        """A word for the image; one that is shown leads to its thumbnail in this page."""
        token = tokens[index]
        label = f"image: {safe(token.content) or 'no words'}"
        found = _SHA256.fullmatch(str(token.attrs.get("src", "")))
        anchor = env["images"].get(found[1]) if found else None
        if anchor is None:
            return f'<span class="image">[{label}]</span>'
        return f'<a class="image" href="#{safe(anchor)}">[{label}]</a>'

    def fence(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        """Code; its language, which may be any text, is left out."""
        return f"<pre><code>{safe(tokens[index].content)}</code></pre>"

    def th_open(self, *_: object) -> str:
        """A cell without its alignment, which would be an inline style."""
        return "<th>"

    def td_open(self, *_: object) -> str:
        """The same."""
        return "<td>"
