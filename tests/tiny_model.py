"""A whole causal language model of a few hundred thousand weights, made in about a second.

Here: configuration, random weights, a tokenizer trained on the project's own prose and a chat
template, saved as any model folder is. It writes nonsense, but greedily and always the same, and
some of it ends before the limit: many of its tokens count as the end of an answer.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from resources.settings import REPOSITORY_ROOT

VOCABULARY = 2_000
CONTEXT = 2_048
END = "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EVERY = 20
"""Of so many tokens one ends the answer."""


def make_tiny_model(
    folder: Path,
    kind: Literal["qwen3", "llama"] = "qwen3",
    *,
    seed: int = 0,
    template: str | None = TEMPLATE,
    hidden: int = 64,
    layers: int = 2,
) -> Path:
    """A model folder; the same arguments give the same model."""
    from resources.llm.torchvision_guard import import_transformers

    transformers = import_transformers()
    import torch

    tokenizer = _tokenizer(transformers, template)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "vocab_size": VOCABULARY, "hidden_size": hidden, "num_hidden_layers": layers,
        "intermediate_size": 2 * hidden, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT, "initializer_range": 0.3, "tie_word_embeddings": False,
        "bos_token_id": None, "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    if kind == "qwen3":
        config = transformers.Qwen3Config(**sizes, head_dim=hidden // 4)
        model = transformers.Qwen3ForCausalLM(config)
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
    ends = [tokenizer.eos_token_id, *range(300, VOCABULARY, EVERY)]
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    return folder


def _tokenizer(transformers: Any, template: str | None) -> Any:
    import tokenizers

    plain = tokenizers.Tokenizer(tokenizers.models.BPE())
    plain.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", END],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator(_prose(), trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token=END, pad_token="<|endoftext|>", model_max_length=CONTEXT
    )
    tokenizer.chat_template = template
    return tokenizer


def _prose() -> Iterator[str]:
    for path in sorted((REPOSITORY_ROOT / "docs").rglob("*.md")):
        yield path.read_text(encoding="utf-8")
    yield (REPOSITORY_ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Qwen3, made once a session."""
    skip_without_models()
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


def skip_without_models() -> None:
    """Skip the test where torch or transformers is not installed; neither is imported."""
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"no {name}: pip install -e '.[models]'")


def set_up_as_remote_code(folder: Path) -> None:
    """Make a model folder one that wants its own code to be run."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"model_type": "unheard-of", "auto_map": {"AutoConfig": "own.C"}}
    path.write_text(json.dumps(config), encoding="utf-8")
    (folder / "own.py").write_text("raise SystemExit('code of a model was run')\n")
