"""Models that run from their exports: real models, real processes, and no torch where none is needed."""

import json
import logging
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from photosearch.library import Library
from photosearch.library.doctor import examine
from photosearch.model import Encoder, resolve
from photosearch.model.candidates import generated_pictures
from photosearch.model.exports import FP32, TEXT, WEIGHTS, Exports
from photosearch.records import Query
from photosearch.settings import Settings
from tests.integration.encoder_reference_data import TEXTS
from tests.integration.python_process import LIMIT_SECONDS, run_python
from tests.unit.model import tiny_towers

HEAVY = {"torch", "torchvision", "open_clip", "timm", "onnx"}


@pytest.fixture(scope="module")
def exports(tmp_path_factory, exported_model: Path) -> Path:
    """Exports of the built-in model."""
    return Path(shutil.copytree(exported_model, tmp_path_factory.mktemp("builtin") / "models"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """A small ViT, its exports, and what open_clip and torch say of it."""
    folder = tmp_path_factory.mktemp("vit")
    run_python(
        "import sys, pathlib\n"
        "from photosearch.model import torchvision_cpu\n"
        "torchvision_cpu.prepare()\n"
        "from tests.integration import export_reference\n"
        "export_reference.main(pathlib.Path(sys.argv[1]))",
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def told(reference) -> dict:
    return json.loads((reference / "told.json").read_text())


@pytest.fixture(scope="module")
def by_torch(tmp_path_factory) -> dict:
    """What the built-in model answers where its exports cannot be kept."""
    folder = tmp_path_factory.mktemp("full") / "models"
    folder.write_text("a file lies where the folder should be")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda line: lines.append(line.getMessage())
    logging.getLogger("photosearch").addHandler(handler)
    try:
        with Encoder(resolve("builtin"), device="cpu", exports=folder) as encoder:
            precision = encoder.start().precision
            texts, pixels = encoder.encode_texts(TEXTS), generated_pictures(encoder.info.preprocess)
            pictures = encoder.encode_images(pixels)
    finally:
        logging.getLogger("photosearch").removeHandler(handler)
    return {"precision": precision, "texts": texts, "pictures": pictures, "log": "\n".join(lines)}


@pytest.fixture
def encoder(exports):
    with Encoder(resolve("builtin"), device="cpu", exports=exports) as made:
        yield made


_LEAN = """
import json, multiprocessing, sys
from pathlib import Path
import numpy as np
from photosearch.model import Encoder, resolve

if __name__ == "__main__":
    with Encoder(resolve(sys.argv[2]), exports=Path(sys.argv[1])) as encoder:
        rows = encoder.encode_texts(json.loads(sys.argv[3]))
        started = len(multiprocessing.active_children())
        np.save(sys.argv[4], rows)
    print(json.dumps([started, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def test_a_text_is_answered_without_torch_and_without_another_process(exports, by_torch, tmp_path):
    out = run_python(_LEAN, exports, "builtin", json.dumps(TEXTS), tmp_path / "rows.npy")
    started, modules = json.loads(out)
    assert started == 0 and "onnxruntime" in modules
    assert not HEAVY & set(modules)
    assert (np.load(tmp_path / "rows.npy") * by_torch["texts"]).sum(axis=1).min() >= 0.99999


def test_pictures_are_embedded_as_torch_does_it(encoder, by_torch):
    pixels = generated_pictures(encoder.info.preprocess)
    assert encoder.info.precision == "ONNX Runtime fp32"
    assert (encoder.encode_images(pixels) * by_torch["pictures"]).sum(axis=1).min() >= 0.99999


def test_where_nothing_can_be_kept_torch_does_it_all(by_torch):
    assert by_torch["precision"] == "fp32" and "cannot be exported" in by_torch["log"]


def test_the_model_is_known_without_starting_it(encoder):
    info = encoder.info
    assert not encoder.running
    assert (info.identity, info.dim, info.device) == (resolve("builtin").identity, 256, "cpu")
    assert info == encoder.start() and encoder.running


_CHILD = """
import json, os, sys
from pathlib import Path
from photosearch.model import child, resolve
from photosearch.model.runtime import Options
import numpy as np
loaded = child.load_model(resolve("builtin"), Options("cpu", 1, False, Path(sys.argv[1])), print)
loaded.runtime.encode_images(np.zeros((2, *loaded.info.preprocess.shape), np.uint8))
print(json.dumps([loaded.info.precision, loaded.upkeep is None, sorted({n.split(".")[0] for n in sys.modules})]))
"""


def test_the_process_for_pictures_imports_no_torch_either(exports):
    precision, nothing_to_do, modules = json.loads(run_python(_CHILD, exports))
    assert precision == "ONNX Runtime fp32" and nothing_to_do
    assert not HEAVY & set(modules)


def test_texts_pictures_and_rest_together(exports):
    with Encoder(resolve("builtin"), device="cpu", exports=exports, idle_seconds=0.05) as encoder:
        for _ in range(3):
            assert encoder.encode_texts(["a dog"]).shape == (1, 256)
            assert encoder.encode_images(np.zeros((2, *encoder.info.preprocess.shape), np.uint8)).shape == (2, 256)


def test_damage_costs_one_start_with_torch_and_is_mended(tmp_path, exports, caplog):
    folder = exports
    identity = resolve("builtin").identity
    for name in (TEXT, FP32):
        os.truncate(Exports(folder).folder(identity) / name / WEIGHTS, 1000)
    with Encoder(resolve("builtin"), device="cpu", exports=folder) as encoder:
        assert encoder.encode_texts(["a dog"]).shape == (1, 256)
        assert encoder.encode_images(np.zeros((2, *encoder.info.preprocess.shape), np.uint8)).shape == (2, 256)
    assert "will be made again" in caplog.text
    assert Exports(folder).tower(identity, TEXT) and Exports(folder).tower(identity, FP32)


def test_a_library_and_the_doctor_use_and_show_the_export(app_paths_in_tmp, exports):
    app_paths_in_tmp.models.parent.mkdir(parents=True)
    app_paths_in_tmp.models.symlink_to(exports, target_is_directory=True)
    Settings(app_paths_in_tmp.settings).set("device", "cpu")
    with Library.open(app_paths_in_tmp) as library:
        library.warm_up()
        assert library.search(Query("a dog")).hits == ()
    lines = [f.detail for f in examine(app_paths_in_tmp) if f.subject == "model"]
    assert any("on cpu with ONNX Runtime fp32" in line for line in lines)
    assert any(line.startswith("pictures: ONNX Runtime fp32 of torch ") and "in this process" in line for line in lines)


def test_texts_have_the_tokens_that_open_clip_gives_them(told):
    assert told["wrong tokens"] == []
    assert told["tokenizer of open_clip"].endswith("SimpleTokenizer'>")


def test_a_tokenizer_that_does_more_is_left_to_open_clip(told):
    assert told["not ours"] == [None, None, None]


def test_int8_of_a_small_vit_was_judged_with_pictures_that_torch_saw(told):
    assert told["measured"] == ["fp32", "int8", "torch"]
    assert told["tokenizer"] == {"context_length": 16, "clean": "lower", "short": True}
    cosine, top10, photos = told["int8"]
    assert cosine >= 0.995 and top10 >= 0.95 and photos == 64


def test_a_small_vit_embeds_from_its_export_as_torch_does(reference, told):
    with np.load(reference / "vit.npz") as arrays:
        expected = dict(arrays)
    spec = resolve(str(reference / "vit"))
    with Encoder(spec, device="cpu", threads=1, exports=reference / "models") as encoder:
        texts = encoder.encode_texts(told["texts"])
        images = encoder.encode_images(expected["pixels"])
        alone = np.concatenate([encoder.encode_texts([text]) for text in told["texts"][:60]])
    assert (texts * expected["texts"]).sum(axis=1).min() >= 0.9999
    assert (alone * expected["texts"][:60]).sum(axis=1).min() >= 0.9999
    assert (images * expected["rows"]).sum(axis=1).min() >= 0.995


def test_a_large_model_changes_over_in_the_middle_of_work_and_no_picture_is_lost(tmp_path, caplog):
    pixels = tiny_towers.pictures(150)
    with (
        caplog.at_level(logging.INFO),
        Encoder(tiny_towers.SPEC, device="cpu", exports=tmp_path / "models", load=tiny_towers.load_large) as encoder,
    ):
        assert encoder.start().precision == "fp32"
        rows = np.concatenate([encoder.encode_images(pixels[at : at + 10]) for at in range(0, 150, 10)])
        assert encoder.info.precision.startswith("ONNX Runtime")
        assert encoder.record.photos == 64
    assert (rows * tiny_towers.TinyRuntime().encode_images(pixels)).sum(axis=1).min() >= 0.995
    assert "judged with 64 of your photos" in caplog.text
    assert "ended while loading" not in caplog.text


def test_a_large_model_is_exported_while_nobody_asks(tmp_path):
    with Encoder(tiny_towers.SPEC, device="cpu", exports=tmp_path / "models", load=tiny_towers.load_large) as encoder:
        encoder.start()
        (process,) = (p for p in multiprocessing.active_children() if p.name == "photosearch-encoder")
        process.join(LIMIT_SECONDS)
        assert not encoder.running and encoder.record.texts
        assert encoder.encode_texts(["a dog"]).shape == (1, tiny_towers.DIM)
        assert encoder.encode_images(tiny_towers.pictures(2)).shape == (2, tiny_towers.DIM)
        assert encoder.info.precision == "ONNX Runtime fp32"
