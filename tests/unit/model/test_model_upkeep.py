"""Exporting, judging and choosing, with a model of two matrices in torch's place."""

import logging

import numpy as np
import pytest

from photosearch.model import candidates
from photosearch.model.candidates import PHOTOS_WANTED
from photosearch.model.exported import ExportedModel, ExportedRuntime, load
from photosearch.model.exports import FP32, INT8, TEXT, TORCH, Exports, Measured
from photosearch.model.runtime import Options, OutOfMemory
from tests.unit.model.tiny_towers import (
    IMAGE_WEIGHTS,
    INFO,
    SPEC,
    TinyRuntime,
    pictures,
    upkeep_of,
    write_images,
    write_texts,
)

TINY = TinyRuntime()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def int8_is_fast(monkeypatch):
    """A graph this small is not; which way is how fast is not what these tests are about."""
    calls = iter([9.0, 6.0, 2.0])  # torch, fp32, int8: in this order they are measured
    monkeypatch.setattr(candidates, "milliseconds_each", lambda encode, pixels: next(calls))


def see(upkeep, count, *, seed=1):
    pixels = pictures(count, seed=seed)
    upkeep.saw(pixels, TINY.encode_images(pixels))


def record(folder):
    return Exports(folder).record(SPEC.identity)


def loaded(folder):
    return load(SPEC, Options(device="cpu", threads=1, allow_download=False, exports=folder), with_torch=TinyRuntime)


@pytest.mark.usefixtures("int8_is_fast")
def test_a_small_model_is_exported_at_once_and_makes_room_for_what_runs_the_export(folder):
    upkeep = upkeep_of(folder)
    assert upkeep.at_once and upkeep.needed
    assert upkeep.run()
    assert not upkeep.at_once and not upkeep.when_idle and not upkeep.due
    made = record(folder)
    assert made.images == FP32 and made.texts and made.measured[FP32].cosine > 0.9999


def test_a_large_model_is_exported_when_nobody_asks_or_when_that_pays(folder):
    upkeep = upkeep_of(folder, weight_bytes=300_000_000)
    assert upkeep.when_idle and not upkeep.at_once and not upkeep.due
    see(upkeep, PHOTOS_WANTED)
    assert upkeep.due


@pytest.mark.usefixtures("int8_is_fast")
def test_exports_answer_as_the_model_does(folder):
    assert upkeep_of(folder).run()
    pixels, texts = pictures(20), ["a dog", "", "Schnee auf dem Fudschi"]
    runtime = loaded(folder).runtime
    assert isinstance(runtime, ExportedRuntime) and runtime.precision == "ONNX Runtime fp32"
    assert (runtime.encode_images(pixels) * TINY.encode_images(pixels)).sum(axis=1).min() > 0.99999
    encode = ExportedModel(folder, SPEC, threads=1).load_texts()
    assert (encode(texts) * TINY.encode_texts(texts)).sum(axis=1).min() > 0.99999


@pytest.mark.usefixtures("int8_is_fast")
def test_int8_is_chosen_with_enough_photos_seen_by_torch(folder):
    upkeep = upkeep_of(folder)
    see(upkeep, PHOTOS_WANTED + 5)
    assert upkeep.run()
    made = record(folder)
    assert (made.images, made.photos) == (INT8, PHOTOS_WANTED)
    assert made.measured[INT8].cosine >= 0.995 and made.measured[INT8].top10 >= 0.95
    exports = Exports(folder)
    assert exports.tower(SPEC.identity, INT8) and not exports.tower(SPEC.identity, FP32)
    pixels = pictures(30, seed=9)
    rows = loaded(folder).runtime.encode_images(pixels)
    assert (rows * TINY.encode_images(pixels)).sum(axis=1).min() >= 0.995
    assert not upkeep_of(folder).needed


@pytest.mark.usefixtures("int8_is_fast")
def test_int8_is_judged_without_torch_once_a_process_has_seen_enough_photos(folder):
    assert upkeep_of(folder).run()
    assert record(folder).images == FP32 and record(folder).int8_is_open
    upkeep = loaded(folder).upkeep
    see(upkeep, PHOTOS_WANTED - 1)
    assert not upkeep.due and not upkeep.when_idle
    see(upkeep, 1)
    assert upkeep.due and upkeep.run()
    assert (record(folder).images, record(folder).photos) == (INT8, PHOTOS_WANTED)


def test_int8_is_judged_where_pytorch_is_the_faster_of_the_exact_ways_too(folder, monkeypatch):
    calls = iter([6.0, 9.0, 2.0])  # torch, fp32, int8
    monkeypatch.setattr(candidates, "milliseconds_each", lambda encode, pixels: next(calls))
    upkeep = upkeep_of(folder)
    assert not upkeep.run()  # PyTorch goes on
    assert record(folder).images == TORCH and record(folder).int8_is_open
    assert not upkeep.due and not upkeep.when_idle
    see(upkeep, PHOTOS_WANTED)
    assert upkeep.due and upkeep.run()
    assert (record(folder).images, record(folder).photos) == (INT8, PHOTOS_WANTED)


@pytest.mark.usefixtures("int8_is_fast")
def test_an_int8_that_changes_the_vectors_is_refused_and_not_tried_again(folder, monkeypatch, caplog):
    monkeypatch.setitem(candidates._COSINE, INT8, 1.1)
    upkeep = upkeep_of(folder)
    see(upkeep, PHOTOS_WANTED)
    with caplog.at_level(logging.WARNING):
        assert upkeep.run()
    assert "int8 is not true enough" in caplog.text
    made = record(folder)
    assert made.images == FP32 and INT8 in made.refused and not made.int8_is_open
    assert loaded(folder).upkeep is None and not (Exports(folder).folder(SPEC.identity) / INT8).exists()


def test_an_export_that_answers_otherwise_is_refused_and_torch_goes_on(folder, caplog):
    wrong = lambda into: write_images(into, weights=np.roll(IMAGE_WEIGHTS, 1, axis=1))  # noqa: E731
    assert not upkeep_of(folder, write_images=wrong).run()
    assert "fp32 is not true enough" in caplog.text
    assert record(folder).images == TORCH and record(folder).texts
    assert loaded(folder) is None and not upkeep_of(folder, write_images=wrong).when_idle


@pytest.mark.usefixtures("int8_is_fast")
def test_torch_lets_its_weights_go_before_an_export_of_them_is_loaded(folder):
    steps = []
    upkeep = upkeep_of(
        folder,
        let_go=lambda: steps.append("let go"),
        write_texts=lambda into: (steps.append("texts"), write_texts(into)),
        write_images=lambda into: (steps.append("images"), write_images(into)),
    )
    assert upkeep.run()
    assert steps == ["let go", "texts", "let go", "images", "let go"]


def failing(into):
    (into / "half").write_bytes(b"half a model")
    raise RuntimeError("Unsupported: aten::strange_operator\nand more")


def test_an_exporter_that_fails_is_told_in_one_line_and_not_asked_again(folder, caplog):
    assert not upkeep_of(folder, write_images=failing, write_texts=failing).run()
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(lines) == 2 and all("aten::strange_operator" in line and "\n" not in line for line in lines)
    made = record(folder)
    assert made.images == TORCH and made.texts is None and set(made.refused) == {TEXT, FP32}
    assert "aten::strange_operator" in made.sentence()
    assert [p.name for p in Exports(folder).folder(SPEC.identity).iterdir()] == ["record.json"]
    assert not upkeep_of(folder).when_idle
    assert loaded(folder) is None and ExportedModel(folder, SPEC, threads=1).load_texts() is None


def test_a_tokenizer_of_another_library_leaves_the_words_to_torch(folder, caplog):
    upkeep_of(folder, tokenizer=None).run()
    assert record(folder).texts is None and record(folder).measured[FP32].cosine > 0.9999
    assert "tokenizer of another library" in caplog.text


def test_a_folder_that_cannot_be_written_is_told_and_costs_nothing(tmp_path, caplog):
    (tmp_path / "models").write_text("a file lies where the folder should be")
    assert upkeep_of(tmp_path / "models").run() is False
    assert "cannot be exported" in caplog.text and "goes on with fp32" in caplog.text


def test_a_disk_without_room_is_told_and_tried_again_at_the_next_start(folder, caplog):
    assert not upkeep_of(folder, weight_bytes=10**18).run()
    assert "too little room" in caplog.text
    assert record(folder) is None and upkeep_of(folder).needed


def test_a_gpu_runs_the_pictures_and_the_words_are_exported_all_the_same(folder):
    assert not upkeep_of(folder, device="auto", accelerated=True).run()
    made = record(folder)
    assert (made.images, made.accelerator) == (None, True) and made.texts
    assert made.info(SPEC, device="auto") is None and made.info(SPEC, device="cpu") is None
    assert not upkeep_of(folder, device="auto", accelerated=True).needed
    assert upkeep_of(folder, device="cpu").needed


@pytest.mark.usefixtures("int8_is_fast")
def test_an_export_made_for_the_cpu_alone_serves_others_when_no_gpu_was_found(folder):
    upkeep_of(folder, device="cpu").run()
    assert record(folder).info(SPEC, device="cpu") and record(folder).info(SPEC, device="auto") is None
    assert upkeep_of(folder, device="auto").run()
    assert record(folder).info(SPEC, device="auto").precision == "ONNX Runtime fp32"


def test_a_tower_that_fails_at_work_is_replaced_by_torch(caplog):
    def broken(pixels):
        raise RuntimeError("a kernel is missing")

    reasons = []
    runtime = ExportedRuntime(broken, INFO, with_torch=TinyRuntime, on_failure=reasons.append)
    pixels = pictures(3)
    for _ in range(2):
        assert np.allclose(runtime.encode_images(pixels), TINY.encode_images(pixels))
    assert reasons == ["a kernel is missing"] and runtime.precision == "fp32"


def test_too_little_memory_is_no_reason_to_give_an_export_up():
    def full(pixels):
        raise OutOfMemory("no room")

    runtime = ExportedRuntime(full, INFO, with_torch=TinyRuntime, on_failure=pytest.fail)
    with pytest.raises(OutOfMemory):
        runtime.encode_images(pictures(1))


def test_the_nearest_pictures_have_to_stay_the_same():
    rows = TINY.encode_images(pictures(64))
    assert candidates.compared(rows, rows, milliseconds=1).top10 == 1
    mixed = candidates.compared(np.roll(rows, 1, axis=0), rows, milliseconds=1)
    assert mixed.top10 < 0.5 and "not true enough" in candidates.refusal(INT8, mixed)
    assert "mixes up" in candidates.refusal(INT8, Measured(1, cosine=0.999, top10=0.9))
    assert "not true enough" in candidates.refusal(INT8, candidates.compared(rows * np.nan, rows, milliseconds=1))


def test_int8_has_to_be_clearly_faster():
    exact = {TORCH: Measured(10), FP32: Measured(8)}
    assert candidates.chosen(exact, {}) == FP32
    assert candidates.chosen(exact, {FP32: "refused"}) == TORCH
    assert candidates.chosen(exact | {INT8: Measured(7.9)}, {}) == FP32
    assert candidates.chosen(exact | {INT8: Measured(3)}, {}) == INT8
    assert candidates.chosen(exact | {INT8: Measured(3)}, {INT8: "refused"}) == FP32


def test_pytorch_has_to_be_clearly_faster_than_its_export_which_needs_less_memory():
    assert candidates.chosen({TORCH: Measured(10), FP32: Measured(10.9)}, {}) == FP32
    assert candidates.chosen({TORCH: Measured(10), FP32: Measured(11.5)}, {}) == TORCH
    assert candidates.chosen({TORCH: Measured(10), FP32: Measured(11.5), INT8: Measured(3)}, {}) == INT8


def test_generated_pictures_are_always_the_same_and_differ_from_each_other():
    one, other = (candidates.generated_pictures(INFO.preprocess) for _ in range(2))
    assert np.array_equal(one, other) and one.shape == (16, *INFO.preprocess.shape) and one.dtype == np.uint8
    assert len({p.tobytes() for p in one}) == 16


def test_a_batch_takes_about_a_fifth_of_a_second():
    assert [candidates.batch_for(ms, lanes=1) for ms in (0.5, 5, 15, 60, 900)] == [64, 40, 8, 3, 1]


def test_no_lane_stays_empty_however_slow_a_picture_is():
    assert [candidates.batch_for(ms, lanes=4) for ms in (5, 60, 900)] == [40, 4, 4]


@pytest.mark.usefixtures("int8_is_fast")
def test_what_the_doctor_says_of_a_record(folder):
    upkeep = upkeep_of(folder)
    see(upkeep, PHOTOS_WANTED)
    upkeep.run()
    said = record(folder).sentence()
    assert said.startswith("pictures: ONNX Runtime int8 of torch 9.0 ms a picture, ONNX Runtime fp32 6.0 ms a picture")
    assert "judged with 64 of your photos; words: in this process" in said
