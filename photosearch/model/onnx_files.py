"""Writes ONNX graphs as towers: weights in a file beside the graph, and int8 weights where that pays.

Imports onnx and ONNX Runtime's quantization, but not torch.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from photosearch.model.exports import GRAPH, WEIGHTS

_MULTIPLICATIONS = ("MatMul", "Gemm")
_PAYING_SHARE = 0.5
_SMALL_BYTES = 1024


def write_tower(graph: onnx.ModelProto, folder: Path) -> None:
    """Weights of their own file are mapped into memory, not copied: half the time and memory of loading."""
    (folder / WEIGHTS).touch()  # a tower always consists of the same files, however small its weights
    onnx.save_model(
        graph,
        folder / GRAPH,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=WEIGHTS,
        size_threshold=_SMALL_BYTES,
        convert_attribute=False,
    )


def int8_pays(fp32: Path) -> bool:
    """True where most of the weights are in matrix products. Convolutions gain nothing: they would need another way."""
    graph = onnx.load(fp32 / GRAPH, load_external_data=False).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    in_products = {name for node in graph.node if node.op_type in _MULTIPLICATIONS for name in node.input}
    total = sum(sizes.values())
    return total > 0 and sum(size for name, size in sizes.items() if name in in_products) >= _PAYING_SHARE * total


def write_int8(fp32: Path, folder: Path) -> None:
    """The same tower with int8 matrix products; scales of the weights by channel, of the activations at each run."""
    root = logging.getLogger()
    level, root.level = root.level, logging.ERROR  # it recommends a step that changes nothing here
    try:
        quantize_dynamic(
            fp32 / GRAPH,
            folder / "quantized.onnx",
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=list(_MULTIPLICATIONS),
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        root.level = level
    write_tower(onnx.load(folder / "quantized.onnx"), folder)
    (folder / "quantized.onnx").unlink()
