"""Documents a second of a local model: Quire's engine against one `generate` after another.

    python -m bench.summaries_gpu --size 1b --documents 1000 --input-tokens 4000 --output-tokens 250
    python -m bench.summaries_gpu --size toy --documents 64 --input-tokens 200 --output-tokens 50

The model has the shape of Llama 3.2 1B or Qwen3 8B and random weights, made on the device: nothing
is downloaded, and speed does not depend on what weights say. No token ends an answer, so that every
document has exactly the output asked for. One after another is timed on `--sample` documents of the
same run and extrapolated. Prompts vary in length by a quarter about `--input-tokens`.

The floor under the time of a document, with P weights of which W bytes are read a step, B documents
at once, i tokens read, o written, C bytes of cache a token, and the device's rates of bfloat16
(float32 on a CPU) products F and of memory M, both measured at the start (a product of 8,192 x
8,192, a copy of 1 GiB; small ones on a CPU):

    2 P i / F  +  max(2 P o / F, (o W / B + o C (i + o / 2)) / M)

Attention's own products are left out, which makes the floor lower. Not here: quality of any text.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.measure import say
from resources.llm.base import Message, Request
from resources.llm.torchvision_guard import import_transformers
from resources.llm.transformers.engine import TransformersEngine
from resources.llm.transformers.loading import Loaded, attention
from resources.llm.transformers.sizing import Limits, Shape, free_memory, limits_for, shape_of
from resources.settings import load_settings

WORDS: Final = 4_000
SEED: Final = 1
SIZES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "toy": ("Llama", {
        "hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 1024, "vocab_size": 8192,
        "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": True,
    }),
    "1b": ("Llama", {
        "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192,
        "vocab_size": 128_256, "num_attention_heads": 32, "num_key_value_heads": 8,
        "tie_word_embeddings": True,
    }),
    "8b": ("Qwen3", {
        "hidden_size": 4096, "num_hidden_layers": 36, "intermediate_size": 12_288,
        "vocab_size": 151_936, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "tie_word_embeddings": False,
    }),
}  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """What the device does: products (FLOP) and copied bytes a second."""

    flops: float
    bytes: float


def main() -> None:
    """Time both sides and print documents/s, their ratio, the floor and the GPU's use."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="toy")
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--input-tokens", type=int, default=4_000)
    parser.add_argument("--output-tokens", type=int, default=250)
    parser.add_argument("--sample", type=int, default=8, help="documents done one after another")
    parser.add_argument("--mode", choices=["auto", "continuous", "padded"], default="auto")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text("{}", encoding="utf-8")
        loaded = make_model(asked.size, 2 * (asked.input_tokens + asked.output_tokens))
        requests = make_requests(asked.documents, asked.input_tokens, asked.output_tokens)
        settings = load_settings({}, Path(folder), {"summariser": "transformers", "model": folder})
        report(
            loaded,
            TransformersEngine(settings, mode=asked.mode, loader=lambda: loaded),
            requests,
            asked,
        )


def report(
    loaded: Loaded, engine: TransformersEngine, requests: list[Request], asked: argparse.Namespace
) -> None:
    """Run both sides and print."""
    rates = measure_rates(loaded.device)
    shape = shape_of(loaded.model.config, loaded.model.dtype.itemsize)
    is_cuda = loaded.device == "cuda"
    is_flash = "flash" in loaded.model.config._attn_implementation  # noqa: SLF001
    limits = limits_for(
        shape, free_memory(loaded.device), loaded.context, is_cuda=is_cuda, is_flash=is_flash
    )
    list(engine.generate(requests[:2]))  # kernels are chosen and compiled once
    with utilisation(is_cuda=is_cuda) as single_use:
        alone = seconds(lambda: one_by_one(loaded, engine, requests[: asked.sample]))
    per_document = alone / min(asked.sample, len(requests))
    with utilisation(is_cuda=is_cuda) as batch_use:
        whole = seconds(lambda: check(engine, requests))
    n_weights = sum(p.numel() for p in loaded.model.parameters())
    low = floor(n_weights, shape, rates, asked.input_tokens, asked.output_tokens, limits)
    ours = len(requests) / whole
    say(
        f"{asked.size}: {n_weights / 1e9:.2f}e9 weights, {loaded.device}, "
        f"{loaded.model.dtype}, {len(requests)} documents of about {asked.input_tokens} tokens, "
        f"{asked.output_tokens} written"
    )
    say(f"rates measured: {rates.flops / 1e12:.2f} TFLOP/s, {rates.bytes / 1e9:.0f} GB/s")
    say(f"engine ({engine.mode}): {ours:8.3f} documents/s  {whole:.1f} s  {batch_use()}")
    say(
        f"one by one:         {1 / per_document:8.3f} documents/s  "
        f"{per_document * len(requests):.1f} s extrapolated from {asked.sample}  {single_use()}"
    )
    say(
        f"ratio {ours * per_document:.2f}; floor {low:.4f} s a document, we take "
        f"{whole / len(requests):.4f} s, {whole / len(requests) / low:.1f} times the floor"
    )
    if not is_cuda:
        say("this was NOT run on a GPU: it shows that the benchmark works, and no more")


def make_model(size: str, context: int) -> Loaded:
    """A model of random weights on the device, and a tokenizer of one token a word."""
    transformers = import_transformers()
    import torch

    kind, sizes = SIZES[size]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    number = torch.bfloat16 if device == "cuda" else torch.float32
    config = getattr(transformers, f"{kind}Config")(
        **sizes, max_position_embeddings=context, bos_token_id=None, eos_token_id=None
    )
    torch.manual_seed(SEED)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(
            config, dtype=number, attn_implementation=attention(transformers, device)
        )
    model.generation_config = transformers.GenerationConfig(do_sample=False, pad_token_id=0)
    return Loaded(model.eval(), make_tokenizer(transformers, context), device, frozenset(), context)


def make_tokenizer(transformers: Any, context: int) -> Any:
    """One token a word of a made vocabulary."""
    import tokenizers

    words = {"<unk>": 0} | {f"w{number}": number for number in range(1, WORDS)}
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    plain.decoder = tokenizers.decoders.WordPiece(prefix="")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", pad_token="<unk>", model_max_length=context
    )


def make_requests(n: int, n_input: int, n_output: int) -> list[Request]:
    """Documents of random words, of a quarter more or less than so many."""
    rng = random.Random(SEED)
    found = []
    for number in range(n):
        length = rng.randint(3 * n_input // 4, 5 * n_input // 4)
        text = " ".join(f"w{rng.randint(1, WORDS - 1)}" for _ in range(length))
        found.append(Request(str(number), (Message("user", text),), n_output))
    return found


def one_by_one(loaded: Loaded, engine: TransformersEngine, requests: list[Request]) -> None:
    """What transformers' own documentation does: a prompt, `generate`, the next."""
    import torch

    for request in requests:
        ids = torch.tensor([engine.prompt_tokens(request.messages)], device=loaded.device)
        loaded.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=request.max_output_tokens
        )


def check(engine: TransformersEngine, requests: list[Request]) -> None:
    """Generate everything; a document that is not written to its end would flatter us."""
    written = [c.output_tokens for c in engine.generate(requests)]
    wanted = [request.max_output_tokens for request in requests]
    if written != wanted:
        raise SystemExit(f"{len(written)} of {len(wanted)} documents, not all written in full")


def seconds(work: Callable[[], None]) -> float:
    """How long it takes, the device's queue included."""
    import torch

    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure_rates(device: str) -> Rates:
    """Products and copies a second, each the best of five."""
    import torch

    size, n_bytes = (8_192, 2**30) if device == "cuda" else (1_024, 2**27)
    number = torch.bfloat16 if device == "cuda" else torch.float32
    left = torch.randn(size, size, device=device, dtype=number)
    source = torch.zeros(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product = min(seconds(lambda: _discard(left @ left)) for _ in range(5))
    copy = min(seconds(lambda: _discard(target.copy_(source))) for _ in range(5))
    return Rates(2 * size**3 / product, 2 * n_bytes / copy)


def _discard(_: object) -> None:
    return


def floor(
    n_weights: int, shape: Shape, rates: Rates, n_input: int, n_output: int, limits: Limits
) -> float:
    """Seconds a document that no way of batching can go under; the formula is above."""
    at_once = max(1, min(limits.rows, limits.tokens // (n_input + n_output)))
    weights = n_weights * shape.value_bytes
    reading = 2 * n_weights * n_input / rates.flops
    cache = n_output * shape.cache_bytes * (n_input + n_output / 2)
    writing = (n_output * weights / at_once + cache) / rates.bytes
    return reading + max(2 * n_weights * n_output / rates.flops, writing)


@contextmanager
def utilisation(*, is_cuda: bool) -> Iterator[Callable[[], str]]:
    """Looks at the GPU once a second meanwhile; what is given says the mean afterwards."""
    looks: list[float] = []
    done = threading.Event()
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]

    def look() -> None:
        while not done.wait(1.0):
            told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            looks.extend(float(line) for line in told.split()[:1] if line.isdigit())

    def said() -> str:
        return f"GPU {mean(looks):.0f} % busy" if looks else "GPU use not measured"

    thread = threading.Thread(target=look, daemon=True)
    if is_cuda and shutil.which("nvidia-smi"):
        thread.start()
    try:
        yield said
    finally:
        done.set()
        if thread.is_alive():
            thread.join()


if __name__ == "__main__":
    main()
