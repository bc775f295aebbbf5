"""A model of two matrices, with its towers as ONNX graphs: exports without torch. numpy says what is right."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from photosearch.model import ModelInfo, ModelSpec, Preprocess, onnx_files
from photosearch.model.clip_tokenizer import ClipTokenizer
from photosearch.model.exported import load
from photosearch.model.exports import Exports
from photosearch.model.runtime import Loaded, Options, Say
from photosearch.model.upkeep import ExportUpkeep, TorchModel

SIDE_PX, DIM, CONTEXT = 8, 16, 12
SPEC = ModelSpec(name="tiny", kind="folder", folder=Path("tiny"), identity="tiny-0123")
PREPROCESS = Preprocess(SIDE_PX, "squash", "bicubic", (0.5,) * 3, (0.5,) * 3)
INFO = ModelInfo("tiny-0123", "tiny", DIM, PREPROCESS, "cpu", "fp32", 4)
TOKENIZER = {"context_length": CONTEXT, "clean": "lower"}
_random = np.random.default_rng(4)
IMAGE_WEIGHTS = _random.normal(size=(SIDE_PX * SIDE_PX * 3, DIM)).astype(np.float32)
TEXT_WEIGHTS = _random.normal(size=(49_408, DIM)).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pictures(count: int, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)


class TinyRuntime:
    """Stands for torch."""

    device, precision, batch = "cpu", "fp32", 4

    def encode_images(self, pixels):
        return unit((pixels.astype(np.float32) / 255 - 0.5).reshape(len(pixels), -1) @ IMAGE_WEIGHTS)

    def encode_texts(self, texts):
        return unit(TEXT_WEIGHTS[ClipTokenizer(**TOKENIZER)(texts)].sum(axis=1))


def write_images(folder: Path, *, weights: np.ndarray = IMAGE_WEIGHTS) -> None:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["values", "most"], ["shares"]),
        helper.make_node("Sub", ["shares", "half"], ["centred"]),
        helper.make_node("Flatten", ["centred"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["raw"]),
    ]
    constants = {"most": np.float32([255]), "half": np.float32([0.5]), "weights": weights}
    shape = ["n", SIDE_PX, SIDE_PX, 3]
    _write(nodes, constants, helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape), folder)


def write_texts(folder: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["weights", "tokens"], ["rows_of_tokens"]),
        helper.make_node("ReduceSum", ["rows_of_tokens", "axis"], ["raw"], keepdims=0),
    ]
    constants = {"weights": TEXT_WEIGHTS, "axis": np.int64([1])}
    shape = ["n", CONTEXT]
    _write(nodes, constants, helper.make_tensor_value_info("tokens", TensorProto.INT64, shape), folder)


def _write(nodes, constants, given, folder: Path) -> None:
    nodes = [
        *nodes,
        helper.make_node("ReduceL2", ["raw"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["raw", "length"], ["rows"]),
    ]
    made = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", DIM])
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [given], [made], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx_files.write_tower(model, folder)


def torch_model(**changes) -> TorchModel:
    runtime = TinyRuntime()
    facts = {
        "weight_bytes": 1000,
        "accelerated": False,
        "tokenizer": TOKENIZER,
        "write_images": write_images,
        "write_texts": write_texts,
        "let_go": lambda: None,
        "encode_images": runtime.encode_images,
        "encode_texts": runtime.encode_texts,
    }
    return TorchModel(**{**facts, **changes})


def upkeep_of(folder: Path, *, device: str = "cpu", with_torch: bool = True, **changes) -> ExportUpkeep:
    source = torch_model(**changes) if with_torch else None
    return ExportUpkeep(Exports(folder), INFO, Options(device, 1, False), torch_model=source)


class SlowRuntime(TinyRuntime):
    """Slower than its export, as torch is."""

    def encode_images(self, pixels):
        time.sleep(0.002 * len(pixels))
        return super().encode_images(pixels)


def load_large(spec: ModelSpec, options: Options, say: Say) -> Loaded:
    """A loader for the encoder process: from the export, else a model that is too large to be exported at once."""
    assert options.exports is not None
    loaded = load(spec, options, with_torch=SlowRuntime)
    if loaded is not None:
        return loaded
    runtime = SlowRuntime()
    upkeep = upkeep_of(options.exports, weight_bytes=201_000_000, encode_images=runtime.encode_images)
    return Loaded(INFO, runtime, SlowRuntime, upkeep if upkeep.needed else None)
