"""The recogniser in 8-bit integers: half the cost of floats, the same text (ocr-speed.md).

Here: the change from the wheel's model of floats to one whose convolutions and last layer take
integers, made in memory in a second when a worker loads the engine. Nothing is stored: weights are
scaled by their own largest value, activations by the ranges in `eight_bit_ranges.py`, which were
measured once (`bench/ocr_ranges.py`) and hold for one model only. Not here: any other model, which
is used as it comes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resources.ocr.eight_bit_ranges import LAST_LAYER, MODEL_SHA256, RANGES
from resources.ocr.onnx_file import Message, constant, constants, node, parse_model

if TYPE_CHECKING:
    from resources.ocr.onnx_file import Array, Floats

REVISION: Final = 1
"""Raise it with every change of this file that changes the model made."""
MAX_WEIGHT: Final = 63
"""Seven bits. Processors without VNNI add two products of 8 bits in 16, where full range saturates
and the same page would read otherwise than elsewhere: 2 × 255 × 63 < 2^15."""
MAX_BIAS: Final = 2**30
"""Biases are 32-bit: a channel of all but no weights takes the scale of its bias."""
LEVELS: Final = 255
MICROSOFT: Final = "com.microsoft"
OPSET: Final = 12
"""From here on MaxPool takes integers; nothing that the model has changed its meaning from 11."""
_GELU: Final = ("Div", "Erf", "Add", "Mul", "Mul")
_SHARING: Final = frozenset({"MaxPool", "Concat"})
"""They move values about, and take integers as long as all of them have one scale."""


def recipe() -> str:
    """A name for all that the integers depend on beside onnxruntime."""
    settings = (MODEL_SHA256, LAST_LAYER, sorted(RANGES.items()), MAX_WEIGHT, REVISION)
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


@cache
def is_known(model: Path) -> bool:
    """Whether this is the model that the ranges were measured on.

    Raises:
        OSError: it cannot be read.
    """
    return hashlib.sha256(model.read_bytes()).hexdigest() == MODEL_SHA256


def in_eight_bits(content: bytes) -> bytes:
    """The known model (`is_known`) with integers inside; same inputs, outputs and metadata."""
    model = parse_model(content)
    simplify(model.graph)
    model.opset_import[0].version = OPSET
    model.opset_import.add(domain=MICROSOFT, version=1)
    _Rewriting(model.graph).run()
    del model.graph.value_info[:]
    done: bytes = model.SerializeToString(deterministic=True)
    return done


def simplify(graph: Message) -> None:
    """Take out Identity, put biases into their convolutions and Gelu into one node."""
    nodes = _without_identity(graph)
    users = users_of(nodes)
    floats = constants(graph.initializer)
    dropped: set[int] = set()
    for each in nodes:
        if each.op_type == "Conv" and len(each.input) == 2:
            (after, *others) = users[each.output[0]]
            bias = next((x for x in after.input if x in floats), None)
            if after.op_type == "Add" and not others and bias is not None:
                flat = f"{bias}:flat"
                graph.initializer.append(constant(flat, floats[bias].reshape(-1)))
                each.input.append(flat)
                each.output[0] = after.output[0]
                dropped.add(id(after))
        elif each.op_type == "Erf":
            dropped |= _gelu(each, nodes, users)
    del graph.node[:]
    graph.node.extend(x for x in nodes if id(x) not in dropped)


def users_of(nodes: list[Message]) -> defaultdict[str, list[Message]]:
    """The nodes that take a tensor, by its name."""
    users: defaultdict[str, list[Message]] = defaultdict(list)
    for each in nodes:
        for name in each.input:
            users[name].append(each)
    return users


def _without_identity(graph: Message) -> list[Message]:
    same: dict[str, str] = {}
    kept = []
    for each in graph.node:
        inputs = [same.get(name, name) for name in each.input]
        del each.input[:]
        each.input.extend(inputs)
        if each.op_type == "Identity":
            same[each.output[0]] = inputs[0]
        else:
            kept.append(each)
    return kept


def _gelu(erf: Message, nodes: list[Message], users: dict[str, list[Message]]) -> set[int]:
    """Make the last node of x / √2 → erf → + 1 → × x → × ½ a Gelu; the other four are dropped."""
    division = next(x for x in nodes if x.output[0] == erf.input[0])
    chain = [division, erf]
    while len(chain) < len(_GELU):
        (after,) = users[chain[-1].output[0]]
        chain.append(after)
    if tuple(x.op_type for x in chain) != _GELU:
        raise ValueError(f"no Gelu around {erf.name}: {[x.op_type for x in chain]}")
    chain[-1].CopyFrom(node("Gelu", [division.input[0]], chain[-1].output[0], MICROSOFT))
    return {id(x) for x in chain[:-1]}


class _Rewriting:
    """One pass over a simplified graph; tensors are integers as soon as and as long as they can."""

    def __init__(self, graph: Message) -> None:
        self._graph = graph
        self._floats = constants(graph.initializer)
        self._users = users_of(list(graph.node))
        self._nodes: list[Message] = []
        self._names: set[str] = set()
        self._integers: set[str] = set()  # tensors that exist as integers
        self._only_integers: set[str] = set()  # … and not as floats yet

    def run(self) -> None:
        skipped: set[int] = set()
        for each in list(self._graph.node):
            if id(each) not in skipped:
                skipped |= self._one(each)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for each in self._nodes for name in each.input}
        kept = [x for x in self._graph.initializer if x.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _one(self, each: Message) -> set[int]:
        """Add what becomes of a node; nodes after it that are done with it."""
        inputs, output = list(each.input), each.output[0]
        if each.op_type == "Conv" and inputs[0] in RANGES:
            return self._convolution(each)
        all_integers = all(name in self._integers for name in inputs)
        if each.op_type in _SHARING and all_integers and self._one_scale([*inputs, output]):
            del each.input[:]
            each.input.extend(_integer(name) for name in inputs)
            each.output[0] = _integer(output)
            self._nodes.append(each)
            self._made(output)
        elif each.op_type == "Add" and all_integers and output in RANGES:
            parts = [part for name in inputs for part in self._scaled(name)]
            scale, zero = self._scale(output)
            self._nodes.append(
                node("QLinearAdd", [*parts, scale, zero], _integer(output), MICROSOFT)
            )
            self._made(output)
        elif output == LAST_LAYER:
            return self._last_layer(each)
        else:
            for name in inputs:
                self._as_float(name)
            self._nodes.append(each)
        return set()

    def _convolution(self, each: Message) -> set[int]:
        import numpy as np

        source, weights, *biases = each.input
        output, done = each.output[0], set()
        users = self._users[output]
        if len(users) == 1 and users[0].op_type == "Relu":
            output, done = users[0].output[0], {id(users[0])}  # integers cannot go below 0
        if source not in self._integers:
            self._nodes.append(node("QuantizeLinear", self._scaled(source), _integer(source)))
            self._integers.add(source)
        step = np.float32(_step(source))
        n_channels = len(self._floats[weights])
        bias = self._floats[biases[0]] if biases else np.zeros(n_channels, dtype=np.float32)
        least = (np.abs(bias) / (step * MAX_BIAS)).astype(np.float32)
        integers, scales = _seven_bits(self._floats[weights], (1, 2, 3), least)
        whole = np.rint(bias / step / scales).astype(np.int32)
        names = [
            self._add(f"{weights}:8", integers),
            self._add(f"{weights}:scale", scales),
            self._add(f"{weights}:zero", np.zeros(len(scales), dtype=np.int8)),
        ]
        made = node(
            "QLinearConv",
            [
                *self._scaled(source, _integer(source)),
                *names,
                *self._scale(output),
                self._add(f"{output}:bias", whole),
            ],
            _integer(output),
        )
        made.attribute.extend(each.attribute)
        self._nodes.append(made)
        self._made(output)
        return done

    def _last_layer(self, each: Message) -> set[int]:
        """Product and bias in one; activations are scaled by the line's own values."""
        import numpy as np

        source, weights = each.input
        (after,) = self._users[each.output[0]]
        bias = next(name for name in after.input if name in self._floats)
        integers, scales = _seven_bits(self._floats[weights], (0,), 1e-12)
        names = [
            self._add(f"{weights}:8", integers),
            self._add(f"{weights}:scale", scales),
            self._add(f"{weights}:zero", np.zeros(len(scales), dtype=np.int8)),
        ]
        self._nodes.append(
            node("DynamicQuantizeMatMul", [source, *names, bias], after.output[0], MICROSOFT)
        )
        return {id(after)}

    def _made(self, name: str) -> None:
        self._integers.add(name)
        self._only_integers.add(name)

    def _as_float(self, name: str) -> None:
        if name in self._only_integers:
            self._nodes.append(node("DequantizeLinear", self._scaled(name, _integer(name)), name))
            self._only_integers.discard(name)

    def _one_scale(self, names: list[str]) -> bool:
        return len({RANGES.get(name) for name in names}) == 1

    def _scaled(self, name: str, tensor: str | None = None) -> list[str]:
        known = tensor or (_integer(name) if name in self._integers else name)
        return [known, *self._scale(name)]

    def _scale(self, name: str) -> tuple[str, str]:
        import numpy as np

        step = _step(name)
        zero = round(-RANGES[name][0] / step)
        return (
            self._add(f"{name}:scale", np.array(step, dtype=np.float32)),
            self._add(f"{name}:zero", np.array(zero, dtype=np.uint8)),
        )

    def _add(self, name: str, values: Any) -> str:  # noqa: ANN401  # an array of any element type
        if name not in self._names:
            self._names.add(name)
            self._graph.initializer.append(constant(name, values))
        return name


def _integer(name: str) -> str:
    return f"{name}:8"


def _step(name: str) -> float:
    """What one step of a tensor's integers is worth; 0 is always among its values."""
    low, high = RANGES[name]
    return max(high - low, 1e-6) / LEVELS


def _seven_bits(
    weights: Floats, axis: tuple[int, ...], least: Floats | float
) -> tuple[Array, Floats]:
    """Weights as whole numbers, and the scale of each output channel, at least `least`."""
    import numpy as np

    largest = np.abs(weights).max(axis=axis)
    scales = np.maximum(np.maximum(largest / MAX_WEIGHT, least), 1e-12).astype(np.float32)
    each = scales.reshape([1 if i in axis else n for i, n in enumerate(weights.shape)])
    integers = np.clip(np.rint(weights / each), -MAX_WEIGHT, MAX_WEIGHT).astype(np.int8)
    return integers, scales
