"""surya's detector and OCR-error model, small, real and trained in a few seconds on what they tell.

Here: folders that surya's own classes load. The detector sees black bars as lines; the OCR-error
model takes words for good and strings of other signs for bad.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIDE = 128
STEPS = 32
GOOD, BAD = "the page of a paper was made of flour and water ", "#~ ]q% |;x= {}^ @@ <z> \\/ "


def bars(n: int, scale: int = 1) -> Image.Image:
    """A page with so many black bars, five at most, as surya's detector sees it at half size."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    drawn = ImageDraw.Draw(image)
    for i in range(n):
        drawn.rectangle((20, 8 + 24 * i, SIDE - 20, 18 + 24 * i), fill="black")
    return image.resize((SIDE * scale, SIDE * scale), Image.Resampling.NEAREST)


def make_detector(folder: Path) -> Path:
    """A detector of 77,000 weights."""
    import numpy as np
    import torch
    from surya.detection.model.config import EfficientViTConfig
    from surya.detection.model.encoderdecoder import EfficientViTForSemanticSegmentation
    from surya.detection.processor import SegformerImageProcessor

    torch.manual_seed(0)
    config = EfficientViTConfig(
        widths=(8, 8, 16, 16, 16), head_dim=8, depths=(1, 1, 1, 1, 1), num_labels=2,
        decoder_layer_hidden_size=16, decoder_hidden_size=32,
    )  # fmt: skip
    model = EfficientViTForSemanticSegmentation(config)
    processor = SegformerImageProcessor(size={"height": SIDE, "width": SIDE})
    pages = [np.asarray(bars(n)) for n in (0, 1, 3, 5)]
    pixels = torch.stack(
        [torch.tensor(np.asarray(processor(page)["pixel_values"][0])).float() for page in pages]
    )
    dark = torch.stack([torch.tensor(page[:, :, 0] < 128).float() for page in pages])
    wanted = (torch.nn.functional.avg_pool2d(dark, 4) > 0.5).float()

    def loss() -> Any:
        seen = model(pixel_values=pixels).logits[:, 0].clamp(1e-4, 1 - 1e-4)
        return torch.nn.functional.binary_cross_entropy(seen, wanted)

    _train(model, loss, rate=1e-2)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def make_ocr_error(folder: Path) -> Path:
    """An OCR-error model of a few thousand weights, which reads letter by letter."""
    import tokenizers
    import torch
    import transformers

    letters = sorted(set(GOOD + BAD) - {" "})
    words = {"[PAD]": 0, "[UNK]": 1, **{letter: 2 + i for i, letter in enumerate(letters)}}
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", model_max_length=512
    )
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=len(words), dim=16, hidden_dim=32, n_layers=1, n_heads=2, num_labels=2,
        seq_classif_dropout=0.0, dropout=0.0,
    )  # fmt: skip
    model = transformers.DistilBertForSequenceClassification(config)
    rng = random.Random(0)
    texts = ["".join(rng.choices(kind, k=100)) for kind in (GOOD, BAD) * 8]
    read = tokenizer(texts, padding="longest", return_tensors="pt")
    labels = torch.tensor([0, 1] * 8)

    def loss() -> Any:
        return model(read.input_ids, attention_mask=read.attention_mask, labels=labels).loss

    _train(model, loss, rate=2e-2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _train(model: Any, loss: Any, rate: float) -> None:
    import torch

    torch.set_num_threads(1)
    chosen = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    for _ in range(STEPS):
        found = loss()
        chosen.zero_grad()
        found.backward()
        chosen.step()
    model.eval()
