"""Towers as files: the weights are what was given, wherever they lie, and int8 is what ONNX Runtime makes of them."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from photosearch.model import onnx_files
from photosearch.model.exports import GRAPH, WEIGHTS
from photosearch.model.onnx_runtime import Tower
from tests.unit.model.tiny_towers import DIM, TinyRuntime, pictures, write_images

random = np.random.default_rng(5)
LINEAR = random.normal(size=(700, 400)).astype(np.float32)  # [out, in], as torch keeps it; above a mebibyte
OTHER = random.normal(size=(400, 64)).astype(np.float32)
GEMM = random.normal(size=(32, 700)).astype(np.float32)
BIAS = random.normal(size=32).astype(np.float32)
GIVEN = {"linear": LINEAR, "other": OTHER, "gemm": GEMM}


def a_model(*, given: bool) -> onnx.ModelProto:
    """Two products of the same values, a Gemm, and a product without weights; the large weights are inputs if given."""
    nodes = [
        helper.make_node("Transpose", ["linear"], ["linear_turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["items", "linear_turned"], ["wide"], "first"),
        helper.make_node("MatMul", ["items", "other"], ["narrow"], "second"),
        helper.make_node("Gemm", ["wide", "gemm", "bias"], ["short"], "third", transB=1),
        helper.make_node("Transpose", ["short"], ["short_turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["short_turned", "narrow"], ["rows"], "fourth"),
    ]
    inputs = [helper.make_tensor_value_info("items", TensorProto.FLOAT, ["n", 400])]
    constants = [numpy_helper.from_array(BIAS, "bias")]
    if given:
        inputs += [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in GIVEN.items()]
    else:
        nodes[:2] = [helper.make_node("MatMul", ["items", "linear_turned"], ["wide"], "first")]
        constants += [numpy_helper.from_array(np.ascontiguousarray(LINEAR.T), "linear_turned")]
        constants += [numpy_helper.from_array(v, k) for k, v in GIVEN.items() if k != "linear"]
    made = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [32, 64])
    graph = helper.make_graph(nodes, "some", inputs, [made], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(file, items) -> np.ndarray:
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, {"items": items})[0]


@pytest.fixture
def tower(tmp_path):
    folder = tmp_path / "fp32"
    folder.mkdir()
    onnx_files.write_tower(a_model(given=True), folder, weights=GIVEN)
    return folder


def test_weights_that_are_given_are_written_as_they_are_and_turned_where_the_graph_turns_them(tower):
    model = onnx.load(tower / GRAPH)
    onnx.checker.check_model(model, full_check=True)
    written = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert {k: v.tobytes() for k, v in written.items()} == {
        "linear_turned": np.ascontiguousarray(LINEAR.T).tobytes(),
        "other": OTHER.tobytes(),
        "gemm": GEMM.tobytes(),
        "bias": BIAS.tobytes(),
    }
    assert [i.name for i in model.graph.input] == ["items"]
    assert [n.op_type for n in model.graph.node] == ["MatMul", "MatMul", "Gemm", "Transpose", "MatMul"]
    assert (tower / GRAPH).stat().st_size < 4000 and (tower / WEIGHTS).stat().st_size >= LINEAR.nbytes


def test_a_weight_that_is_turned_and_used_as_it_is_serves_both(tmp_path):
    square = random.normal(size=(400, 400)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["square"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["items", "turned"], ["half"]),
        helper.make_node("MatMul", ["half", "square"], ["rows"]),
    ]
    inputs = [
        helper.make_tensor_value_info("items", TensorProto.FLOAT, ["n", 400]),
        helper.make_tensor_value_info("square", TensorProto.FLOAT, square.shape),
    ]
    made = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 400])
    graph = helper.make_graph(nodes, "some", inputs, [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx_files.write_tower(model, tmp_path, weights={"square": square})
    items = random.normal(size=(3, 400)).astype(np.float32)
    assert np.allclose(answer(tmp_path / GRAPH, items), items @ square.T @ square, rtol=1e-3, atol=1e-2)


def test_int8_made_product_by_product_is_what_the_whole_graph_gives(tower, tmp_path):
    folder = tmp_path / "int8"
    folder.mkdir()
    onnx_files.write_int8(tower, folder)
    onnx.save_model(a_model(given=False), tmp_path / "whole.onnx")
    quantize_dynamic(
        tmp_path / "whole.onnx",
        tmp_path / "whole-int8.onnx",
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        extra_options={"MatMulConstBOnly": True},
    )
    ours, whole = onnx.load(folder / GRAPH), onnx.load(tmp_path / "whole-int8.onnx")
    onnx.checker.check_model(ours, full_check=True)
    kinds = [sorted(n.op_type for n in m.graph.node) for m in (ours, whole)]
    assert (
        kinds[0] == kinds[1] and kinds[0].count("MatMulInteger") == 3 and kinds[0].count("DynamicQuantizeLinear") == 2
    )
    assert sorted(numpy_helper.to_array(t).tobytes() for t in ours.graph.initializer) == sorted(
        numpy_helper.to_array(t).tobytes() for t in whole.graph.initializer
    )
    items = random.normal(size=(5, 400)).astype(np.float32)
    assert np.array_equal(answer(folder / GRAPH, items), answer(tmp_path / "whole-int8.onnx", items))
    assert sorted(p.name for p in folder.iterdir()) == [GRAPH, WEIGHTS]


@pytest.mark.parametrize("lanes", [1, 3])
def test_any_number_of_pictures_is_shared_by_the_lanes_and_answered_in_order(tmp_path, lanes):
    write_images(tmp_path)
    tower, right = Tower(tmp_path, lanes=lanes, keep_memory=True), TinyRuntime()
    for count in (*range(1, 15), 50):
        pixels = pictures(count, seed=count)
        rows = tower(pixels)
        assert rows.shape == (count, DIM)
        np.testing.assert_allclose(rows, right.encode_images(pixels), atol=1e-5)
