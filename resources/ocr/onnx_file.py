"""Reading, changing and writing ONNX files with protobuf alone.

Here: the fields of the format that a change of a graph needs (onnx.proto, IR version 10), others
are kept as they are; constants as arrays. The package `onnx` would do the same for 18 MB more,
while protobuf comes with onnxruntime. Not here: which change is made (`eight_bit.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]
    Floats = npt.NDArray[np.float32]

Message: TypeAlias = Any
"""A message of the schema below; protobuf makes their classes while the program runs."""

_FIELDS: Final = {
    "Model": "7 graph Graph, 8* opset_import OperatorSet, 14* metadata_props Entry",
    "Graph": (
        "1* node Node, 2 name string, 5* initializer Tensor, 11* input Value, 12* output Value, "
        "13* value_info Value"
    ),
    "Node": (
        "1* input string, 2* output string, 3 name string, 4 op_type string, "
        "5* attribute Attribute, 7 domain string"
    ),
    "Attribute": (
        "1 name string, 2 f float, 3 i int64, 4 s bytes, 5 t Tensor, 8* ints int64, 20 type int32"
    ),
    "Tensor": "1* dims int64, 2 data_type int32, 4* float_data float, 8 name string, 9 raw bytes",
    "Value": "1 name string, 2 type Type",
    "Type": "1 tensor_type TensorType",
    "TensorType": "1 elem_type int32",
    "OperatorSet": "1 domain string, 2 version int64",
    "Entry": "1 key string, 2 value string",
}
"""Field number (* is repeated), name and type, after the messages' names in onnx.proto less
`Proto`."""
_SCALARS: Final = {"float": 2, "int64": 3, "int32": 5, "string": 9, "bytes": 12}
_NUMBERS: Final = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
"""Number of an element type."""


@cache
def _classes() -> dict[str, type[Message]]:
    from google.protobuf import (  # type: ignore[import-untyped]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    file: Any = descriptor_pb2.FileDescriptorProto(
        name="quire_onnx.proto", package="quire_onnx", syntax="proto2"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field in fields.split(", "):
            number, label, kind = field.split(" ")
            many = number.endswith("*")
            added = message.field.add(
                name=label, number=int(number.rstrip("*")), label=3 if many else 1
            )
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
                if many and kind == "float":
                    added.options.packed = True
            else:
                added.type, added.type_name = 11, f".quire_onnx.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"quire_onnx.{name}"))
        for name in _FIELDS
    }


def parse_model(content: bytes) -> Message:
    """The model of an ONNX file; its graph is `.graph`."""
    model = _classes()["Model"]()
    model.ParseFromString(content)
    return model


def node(
    kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: float
) -> Message:
    """A node with one output; attributes are whole numbers or floats."""
    made = _classes()["Node"](
        op_type=kind, input=inputs, output=[output], name=f"{kind}:{output}", domain=domain
    )
    for name, value in attributes.items():
        if isinstance(value, int):
            made.attribute.add(name=name, i=value, type=2)
        else:
            made.attribute.add(name=name, f=value, type=1)
    return made


def output_of(name: str) -> Message:
    """A further output of floats, its shape left open."""
    made = _classes()["Value"](name=name)
    made.type.tensor_type.elem_type = _NUMBERS["float32"]
    return made


def constant(name: str, values: Array) -> Message:
    """An initializer.

    Raises:
        KeyError: its element type is not among float32, uint8, int8, int32 and int64.
    """
    return _classes()["Tensor"](
        name=name,
        dims=values.shape,
        data_type=_NUMBERS[values.dtype.name],
        raw=values.astype(values.dtype.newbyteorder("<")).tobytes(),
    )


def constants(initializers: Iterable[Message]) -> dict[str, Floats]:
    """Initializers of floats by name; others are left out."""
    import numpy as np

    found: dict[str, Floats] = {}
    for tensor in initializers:
        if tensor.data_type == _NUMBERS["float32"]:
            flat = (
                np.frombuffer(tensor.raw, dtype="<f4")
                if tensor.raw
                else np.array(tensor.float_data, dtype=np.float32)
            )
            found[tensor.name] = flat.reshape(tuple(tensor.dims))
    return found
