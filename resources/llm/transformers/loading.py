"""A model and its tokenizer in memory, on the GPU where there is one.

Here: loading from safetensors, number formats, quantisation, errors in one line. Code that comes
with a model is never run. Not here: which model (`source.py`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from resources.errors import EngineError, SettingError
from resources.llm.torchvision_guard import Package, import_transformers
from resources.llm.transformers.foreign import Config, Model, Number, Tokenizer
from resources.llm.transformers.sizing import free_memory
from resources.llm.transformers.source import ModelSource

_FLOAT32_SHARE: Final = 0.5
"""Of free memory that weights in float32 may take on a CPU; above it they are bfloat16, half as
large and, without AMX or AVX-512 BF16, slower."""
T = TypeVar("T")

_TOLD_CHARS: Final = 300
_BACKENDS: Final = {"int8": ("torchao", "bitsandbytes"), "int4": ("bitsandbytes", "torchao")}
"""Packages that can, the better first. torchao's int8 runs on CPU and GPU alike, its int4 needs
mslk, a package of GPU kernels; the 4-bit numbers of bitsandbytes (nf4) run on both."""
_WITH: Final = {"bitsandbytes": ("bitsandbytes", "accelerate"), "torchao": ("torchao",)}
"""What transformers wants beside each."""


@dataclass(frozen=True)
class Reading:
    """What counts tokens: a model's tokenizer and window, without its weights.

    Attributes:
        tokenizer: Its tokenizer.
        context: Tokens of prompt and answer together that the model was made for.
    """

    tokenizer: Tokenizer
    context: int


@dataclass(frozen=True)
class Loaded:
    """What generates.

    Attributes:
        model: A causal language model of transformers, in evaluation mode.
        tokenizer: Its tokenizer.
        device: `cuda` or `cpu`.
        stop_ids: Tokens that end an answer.
        context: Tokens of prompt and answer together that the model was made for.
        assistant: A small model that guesses for the large one, where one is set.
    """

    model: Model
    tokenizer: Tokenizer
    device: str
    stop_ids: frozenset[int]
    context: int
    assistant: Model = None


def quantisation_backend(quantisation: str) -> str | None:
    """The package that does it, found without importing it; None for `none`.

    Raises:
        SettingError: No such package is installed.
    """
    if quantisation == "none":
        return None
    names = _BACKENDS[quantisation]
    for name in names:
        if all(importlib.util.find_spec(package) is not None for package in _WITH[name]):
            return name
    raise SettingError(
        f"QUIRE_MODEL_QUANTISATION={quantisation} needs {' or '.join(names)}: "
        f"run `pip install {' '.join(_WITH[names[0]])}`, or set it to none"
    )


def library_version(name: str) -> str:
    """Major and minor version of an installed package, without importing it."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
    return ".".join(version.split("+")[0].split(".")[:2])


def load(source: ModelSource, assistant: ModelSource | None, quantisation: str) -> Loaded:
    """Load a model.

    Raises:
        EngineError: It cannot be loaded; the message is one line and says the mend.
        SettingError: The quantisation's package is not installed.
    """
    transformers = import_transformers()
    import torch

    backend = quantisation_backend(quantisation)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reading = load_reading(source)
    model = _model(transformers, source, device, quantisation if backend != "torchao" else "none")
    if backend == "torchao":
        _quantise(model, quantisation, device)
    helper = None
    if assistant is not None:
        helper = _model(transformers, assistant, device, "none")
        if helper.config.get_text_config().vocab_size != model.config.get_text_config().vocab_size:
            raise EngineError(
                f"QUIRE_ASSISTANT_MODEL={assistant.name} has another vocabulary than the model: "
                "choose a smaller model of the same family, or leave it unset"
            )
    stop_ids = _stop_ids(model, reading.tokenizer)
    _make_greedy(transformers, model, reading.tokenizer, stop_ids)
    return Loaded(model, reading.tokenizer, device, stop_ids, reading.context, helper)


def load_reading(source: ModelSource) -> Reading:
    """Load what counts tokens.

    Raises:
        EngineError: It cannot be loaded; the message is one line and says the mend.
    """
    transformers = import_transformers()
    tokenizer = _in_one_line(
        source,
        lambda: transformers.AutoTokenizer.from_pretrained(
            source.place, revision=source.revision, trust_remote_code=False
        ),
    )
    return Reading(tokenizer, _context(_config(transformers, source), tokenizer))


def _config(transformers: Package, source: ModelSource) -> Config:
    return _in_one_line(
        source,
        lambda: transformers.AutoConfig.from_pretrained(
            source.place, revision=source.revision, trust_remote_code=False
        ),
    )


def _model(transformers: Package, source: ModelSource, device: str, quantisation: str) -> Model:
    import torch

    given: dict[str, Any] = {"revision": source.revision}
    if quantisation != "none":
        is_int8 = quantisation == "int8"
        given["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_8bit=is_int8, load_in_4bit=not is_int8, bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16 if device == "cuda" else torch.float32,
        )  # fmt: skip
    number = torch.bfloat16 if device == "cuda" else _cpu_number(_config(transformers, source))
    model = _in_one_line(
        source,
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            source.place,
            dtype=number,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention(transformers, device),
            **given,
        ),
    )
    if quantisation == "none" and device == "cuda":
        model = model.to(device)
    return model.eval()


def attention(transformers: Package, device: str) -> str:
    """Flash attention where its package is installed, else torch's own; nothing is downloaded."""
    if device == "cuda" and transformers.utils.is_flash_attn_2_available():
        return "flash_attention_2"
    return "sdpa"


def _cpu_number(config: Config) -> Number:
    """float32, in which a batch gives the text of one by one, if the weights fit; else bfloat16."""
    import torch

    text = config.get_text_config()
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    experts = getattr(text, "num_experts", None) or getattr(text, "num_local_experts", None) or 1
    a_layer = 4 * text.hidden_size**2 + 3 * text.hidden_size * inner * experts
    weights = text.num_hidden_layers * a_layer + 2 * text.vocab_size * text.hidden_size
    return torch.float32 if 4 * weights < _FLOAT32_SHARE * free_memory("cpu") else torch.bfloat16


def _quantise(model: Model, quantisation: str, device: str) -> None:
    """Weights of every layer but the head, in place, by torchao."""
    from torch import nn
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

    config = Int8WeightOnlyConfig() if quantisation == "int8" else Int4WeightOnlyConfig()
    try:
        quantize_(
            model,
            config,
            filter_fn=lambda module, name: isinstance(module, nn.Linear) and "lm_head" not in name,
            device=device if device == "cuda" else None,
        )
    except (ImportError, RuntimeError, ValueError, AssertionError, NotImplementedError) as error:
        mend = "set it to int8 or none" if quantisation == "int4" else "set it to none"
        raise EngineError(
            f"QUIRE_MODEL_QUANTISATION={quantisation}: torchao cannot on this device "
            f"({_told(error)}); {mend}"
        ) from error


def _stop_ids(model: Model, tokenizer: Tokenizer) -> frozenset[int]:
    given = model.generation_config.eos_token_id
    ids = [] if given is None else [given] if isinstance(given, int) else list(given)
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    return frozenset(int(token) for token in ids)


def _make_greedy(
    transformers: Package, model: Model, tokenizer: Tokenizer, stop_ids: frozenset[int]
) -> None:
    """The likeliest token each time, whatever sampling or penalties the model's files suggest."""
    pad = tokenizer.pad_token_id
    if pad is None:
        pad = min(stop_ids, default=0)
    model.generation_config = transformers.GenerationConfig(
        do_sample=False, num_beams=1, eos_token_id=sorted(stop_ids) or None, pad_token_id=pad
    )


def _context(config: Config, tokenizer: Tokenizer) -> int:
    """The smaller of what the model and its tokenizer say; a tokenizer may say 10^30."""
    text = config.get_text_config()
    said = [getattr(text, "max_position_embeddings", None), tokenizer.model_max_length]
    return min((int(value) for value in said if value), default=2**15)


def _in_one_line(source: ModelSource, call: Callable[[], T]) -> T:
    """Run a call of transformers; what it raises becomes one line with its mend.

    The boundary of a foreign loader: missing files, no network, code to be run, and whatever a
    broken file brings about (safetensors raises a bare Exception).
    """
    try:
        return call()
    except Exception as error:
        raise EngineError(_explained(source, error)) from error


def _explained(source: ModelSource, error: Exception) -> str:
    told, said = _told(error), str(error).lower()
    if isinstance(error, MemoryError) or "out of memory" in said:
        return f"{source.name} does not fit in memory: set QUIRE_MODEL_QUANTISATION=int8 or int4"
    if "trust_remote_code" in said or "custom code" in said:
        return (
            f"{source.name} needs code of its own to be run, which Quire never does: "
            "choose a model whose architecture transformers knows"
        )
    if source.folder is None:
        return (
            f"cannot load {source.name} at {source.revision}: {told} | with no network, run "
            f"`hf download {source.name} --revision {source.revision}` where there is one, "
            "or set QUIRE_MODEL to its folder"
        )
    if "safetensors" in said:
        return (
            f"{source.folder} has no .safetensors weights, the only ones that Quire loads: "
            "convert it with save_pretrained of a recent transformers"
        )
    return f"cannot load {source.folder}: {told} | is it a whole model folder of a known kind?"


def _told(error: BaseException) -> str:
    return " ".join(str(error).split())[:_TOLD_CHARS] or type(error).__name__
