"""A tiny model that answers what a good model would: JSON with a summary, always the same one.

A model of random weights writes nonsense, which fails and is tried again in a later run. This one
takes a few hundred tokens a second all the same, in torch, from a folder of weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.tiny_model import END, make_tiny_model

SUMMARY: Final = "It speaks of the sea, and says so in a few words."
_ANSWER: Final = f'{{"language": "en", "summary": "{SUMMARY}"}}'


def make_saying_model(folder: Path) -> Path:
    """The tiny model with three facts instead of random weights.

    Its layers add nothing, so a token is followed by the one whose output row is that token's
    embedding: the answer, which is one token, follows the prompt's last, and the end follows that.
    """
    make_tiny_model(folder)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([_ANSWER])
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    answer, end = tokenizer.convert_tokens_to_ids([_ANSWER, END])
    last = tokenizer("assistant\n", add_special_tokens=False).input_ids[-1]
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding, output = model.model.embed_tokens.weight, model.lm_head.weight
        output.zero_()
        output[answer] = embedding[last]
        output[end] = embedding[answer]
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
