"""Writes ONNX graphs as towers: weights in a file beside the graph, and int8 weights where that pays.

Weights pass through one at a time: no tower is in memory as a whole. Imports onnx and ONNX Runtime's quantization, but
not torch.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import external_data_helper, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from photosearch.model.exports import GRAPH, WEIGHTS

_MULTIPLICATIONS = ("MatMul", "Gemm")
_PAYING_SHARE = 0.5
_SMALL_BYTES = 1024
_ALIGNED_FROM_BYTES, _ALIGNED_BYTES = 1 << 20, 1 << 16
"""Where large weights begin, so that every system can map them (Windows wants it so)."""


def write_tower(model: onnx.ModelProto, folder: Path, *, weights: Mapping[str, np.ndarray] | None = None) -> None:
    """Weights of their own file are mapped into memory, not copied: half the time and memory of loading.

    weights: the values of some inputs of the graph, which become constants. Where the graph transposes one, as that of
    a linear layer, it is written transposed. ``model`` is used up.
    """
    graph = model.graph
    constants: dict[str, onnx.TensorProto | np.ndarray] = {tensor.name: tensor for tensor in graph.initializer}
    if weights:
        inputs, nodes = [i for i in graph.input if i.name not in weights], []
        for node in graph.node:
            if node.op_type == "Transpose" and node.input[0] in weights:
                order = next((a.ints for a in node.attribute if a.name == "perm"), None)
                constants[node.output[0]] = weights[node.input[0]].transpose(order)
            else:
                nodes.append(node)
                constants.update({name: weights[name] for name in node.input if name in weights})
        del graph.input[:], graph.node[:]
        graph.input.extend(inputs)
        graph.node.extend(nodes)
    with (folder / WEIGHTS).open("wb") as stream:  # it is there even where no weight is large
        _finish(model, [_written(name, value, stream) for name, value in constants.items()], folder)


def _written(name: str, value: onnx.TensorProto | np.ndarray, stream: BinaryIO) -> onnx.TensorProto:
    """A constant as the graph holds it: a large one goes to the file, and the graph says where it lies."""
    if isinstance(value, onnx.TensorProto):
        if len(value.raw_data) < _SMALL_BYTES:
            return value
        value = numpy_helper.to_array(value)
    if value.nbytes < _SMALL_BYTES:
        return numpy_helper.from_array(value, name)
    if value.nbytes >= _ALIGNED_FROM_BYTES:
        stream.write(bytes(-stream.tell() % _ALIGNED_BYTES))
    kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    tensor = onnx.TensorProto(name=name, dims=value.shape, data_type=kind, data_location=onnx.TensorProto.EXTERNAL)
    for key, fact in {"location": WEIGHTS, "offset": stream.tell(), "length": value.nbytes}.items():
        tensor.external_data.add(key=key, value=str(fact))
    stream.write(np.ascontiguousarray(value).data)
    return tensor


def _finish(model: onnx.ModelProto, constants: Iterable[onnx.TensorProto], folder: Path) -> None:
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    onnx.save_model(model, folder / GRAPH)


def int8_pays(fp32: Path) -> bool:
    """True where most of the weights are in matrix products. Convolutions gain nothing: they would need another way."""
    graph = onnx.load(fp32 / GRAPH, load_external_data=False).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    in_products = {name for node in graph.node if node.op_type in _MULTIPLICATIONS for name in node.input}
    total = sum(sizes.values())
    return total > 0 and sum(size for name, size in sizes.items() if name in in_products) >= _PAYING_SHARE * total


def write_int8(fp32: Path, folder: Path) -> None:
    """The same tower with int8 matrix products; scales of the weights by channel, of the activations at each run.

    Products are quantized one by one, each as a graph of its own that then takes the product's place.
    """
    model = onnx.load(fp32 / GRAPH, load_external_data=False)
    graph, domains = model.graph, {imported.domain for imported in model.opset_import}
    floats = {t.name: t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    nodes: list[onnx.NodeProto] = []
    made: set[str] = set()  # products of the same values share what rounds those; equal names say so
    constants: list[onnx.TensorProto] = []
    with (folder / WEIGHTS).open("wb") as stream:
        for node in graph.node:
            if node.op_type not in _MULTIPLICATIONS or node.input[1] not in floats:
                nodes.append(node)
                continue
            part = _quantized(node, _read(floats[node.input[1]], fp32), model, folder)
            nodes += [n for n in part.graph.node if not made.issuperset(n.output)]
            constants += [_written(t.name, t, stream) for t in part.graph.initializer if t.name not in made]
            made.update(name for n in part.graph.node for name in n.output)
            made.update(t.name for t in part.graph.initializer)
            for imported in part.opset_import:
                if imported.domain not in domains:
                    model.opset_import.append(imported)
                    domains.add(imported.domain)
        used = {name for node in nodes for name in node.input}
        for tensor in graph.initializer:
            if tensor.name in used and tensor.name not in made:
                constants.append(_written(tensor.name, _read(tensor, fp32), stream))
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    _finish(model, constants, folder)


def _read(tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
    """A constant with its values, where they lie in the file."""
    whole = onnx.TensorProto()
    whole.CopyFrom(tensor)
    if external_data_helper.uses_external_data(whole):
        external_data_helper.load_external_data_for_tensor(whole, str(folder))
        whole.ClearField("data_location")
        del whole.external_data[:]
    return whole


def _quantized(
    product: onnx.NodeProto, weights: onnx.TensorProto, model: onnx.ModelProto, folder: Path
) -> onnx.ModelProto:
    """One product by constant weights as ONNX Runtime's quantization turns it into int8."""

    def of_any_shape(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)

    inputs = [of_any_shape(name) for name in product.input if name and name != weights.name]
    graph = helper.make_graph([product], "product", inputs, [of_any_shape(product.output[0])], [weights])
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    root = logging.getLogger()
    level, root.level = root.level, logging.ERROR  # it recommends a step that changes nothing here
    try:
        with tempfile.TemporaryDirectory(dir=folder) as room:
            onnx.save_model(alone, Path(room, "product.onnx"))
            quantize_dynamic(
                Path(room, "product.onnx"),
                Path(room, "quantized.onnx"),
                weight_type=QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=list(_MULTIPLICATIONS),
                extra_options={"MatMulConstBOnly": True},
            )
            return onnx.load(Path(room, "quantized.onnx"))
    finally:
        root.level = level
