"""The encoder process as a process: it dies, rests, is closed, loses its device. Its models are fakes without torch.

Loaders here run in the encoder process, which imports this file for them.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosearch.errors import EncoderLost, ModelUnavailable
from photosearch.model import Encoder, ModelInfo, ModelSpec, Preprocess
from photosearch.model.runtime import DeviceLost, Loaded, OutOfMemory

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 60
SPEC = ModelSpec(name="fake", kind="folder", folder=Path("fake"), identity="fake-1")
PREPROCESS = Preprocess(2, "squash", "bicubic", (0.5,) * 3, (0.5,) * 3)


class FakeRuntime:
    """Embeds a picture as its first byte and what is left to a unit row. Some bytes are orders."""

    DIE, RAISE, NOT_A_NUMBER, NO_ROOM, LOSE_DEVICE, SLOW = 255, 254, 253, 252, 251, 250
    precision = "fp32"

    def __init__(self, device="cuda:0 fake", batch=4):
        self.device, self.batch = device, batch

    def encode_images(self, pixels):
        orders = set(pixels[:, 0, 0, 0].tolist())
        if self.DIE in orders:
            os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        if self.RAISE in orders:
            raise ZeroDivisionError("a fault in the model")
        if self.NO_ROOM in orders and len(pixels) > 1:
            raise OutOfMemory("no room")
        if self.LOSE_DEVICE in orders and self.device != "cpu":
            raise DeviceLost("the driver is gone")
        if self.SLOW in orders:
            time.sleep(0.05)
        first = pixels[:, 0, 0, 0].astype(np.float32) / 256
        first[pixels[:, 0, 0, 0] == self.NOT_A_NUMBER] = np.inf
        return np.stack([first, np.sqrt(1 - np.minimum(first, 1) ** 2)], axis=1)

    def encode_texts(self, texts):
        return np.array([[0, 1] if text else [1, 0] for text in texts], np.float32)


def load(spec, options, say):
    say(f"Loading {spec.name} with {options.threads} threads")
    runtime = FakeRuntime()
    info = ModelInfo("fake-1", spec.name, 2, PREPROCESS, runtime.device, runtime.precision, runtime.batch)
    return Loaded(info=info, runtime=runtime, on_cpu=lambda: FakeRuntime("cpu", batch=1))


def load_another_model(spec, options, say):
    loaded = load(spec, options, say)
    return Loaded(ModelInfo("fake-2", spec.name, 2, PREPROCESS, "cpu", "fp32", 1), loaded.runtime, loaded.on_cpu)


def load_for_ever(spec, options, say):
    say("It takes long")
    threading.Event().wait()


def load_and_die(spec, options, say):
    os._exit(9)


def load_noisily(spec, options, say):
    print("noise")
    print("noise", file=sys.stderr)
    os.write(1, b"noise")
    os.write(2, b"noise")
    return load(spec, options, say)


def load_nothing(spec, options, say):
    raise ModelUnavailable(spec.name, "it is only a test.")


@pytest.fixture
def encoder():
    with Encoder(SPEC, load=load) as made:
        yield made


@pytest.fixture
def beside():
    """A second thread, as the window has one for searching while the indexer works."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda *work: pool.submit(*work)


def pictures(*first_bytes: int) -> np.ndarray:
    pixels = np.zeros((len(first_bytes), 2, 2, 3), np.uint8)
    pixels[:, 0, 0, 0] = first_bytes
    return pixels


def process_of(encoder: Encoder) -> multiprocessing.process.BaseProcess:
    assert encoder.running
    (process,) = (p for p in multiprocessing.active_children() if p.name == "photosearch-encoder")
    return process


def test_nothing_starts_before_it_is_needed(encoder):
    assert not encoder.running
    assert encoder.info.dim == 2
    assert encoder.running


def test_rows_come_back_in_order_however_many_are_asked(encoder):
    first = [*range(100)]
    rows = encoder.encode_images(pictures(*first))
    assert (rows.shape, rows.dtype) == ((100, 2), np.float32)
    assert (rows[:, 0] * 256).round().tolist() == first
    assert encoder.encode_texts(["a", ""]).tolist() == [[0, 1], [1, 0]]


def test_nothing_asked_is_nothing_answered(encoder):
    assert encoder.encode_images(pictures()).shape == (0, 2)
    assert encoder.encode_texts([]).shape == (0, 2)


def test_pixels_of_another_shape_are_a_mistake_of_the_caller(encoder):
    with pytest.raises(ValueError, match="uint8"):
        encoder.encode_images(np.zeros((1, 3, 3, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        encoder.encode_images(np.zeros((1, 2, 2, 3), np.float32))


def test_pixels_need_not_lie_together_in_memory(encoder):
    assert (encoder.encode_images(pictures(1, 2, 3, 4)[::-2])[:, 0] * 256).round().tolist() == [4, 2]


def test_a_row_that_is_not_finite_is_marked_and_its_neighbours_are_kept(encoder):
    rows = encoder.encode_images(pictures(1, FakeRuntime.NOT_A_NUMBER, 3))
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, False]


def test_a_text_is_answered_while_many_pictures_wait(encoder, beside):
    encoder.start()
    many = beside(encoder.encode_images, pictures(*[FakeRuntime.SLOW] * 200))
    for _ in range(5):
        encoder.encode_texts(["dog"])
    assert not many.done()
    assert len(many.result(LIMIT_SECONDS)) == 200


def test_out_of_memory_shows_as_a_smaller_batch_only(encoder):
    assert encoder.info.batch == 4
    rows = encoder.encode_images(pictures(1, FakeRuntime.NO_ROOM, 3))
    assert (rows[:, 0] * 256).round().tolist() == [1, FakeRuntime.NO_ROOM, 3]
    assert encoder.info.batch == 1


def test_a_lost_device_is_replaced_by_the_cpu_and_told(encoder, caplog):
    assert encoder.info.device == "cuda:0 fake"
    rows = encoder.encode_images(pictures(1, 2, 3, 4, 5, FakeRuntime.LOSE_DEVICE))
    assert len(rows) == 6 and np.isfinite(rows).all()
    assert (encoder.info.device, encoder.info.batch) == ("cpu", 1)
    assert "going on with the CPU" in caplog.text


def test_a_killed_process_is_told_to_those_who_wait_and_the_next_request_starts_another(encoder, beside):
    encoder.start()
    waiting = beside(encoder.encode_images, pictures(*[FakeRuntime.SLOW] * 200))
    encoder.encode_texts(["both pipes are in use"])
    process_of(encoder).kill()
    with pytest.raises(EncoderLost, match="ended without an answer"):
        waiting.result(LIMIT_SECONDS)
    assert encoder.encode_texts(["dog"]).shape == (1, 2)
    assert encoder.encode_images(pictures(7)).shape == (1, 2)


def test_a_process_killed_between_requests_is_not_noticed(encoder):
    encoder.encode_texts(["dog"])
    process = process_of(encoder)
    process.kill()
    process.join(LIMIT_SECONDS)
    assert not encoder.running
    assert encoder.encode_texts(["dog"]).shape == (1, 2)


def test_a_picture_that_kills_the_process_does_so_each_time_and_harms_no_other(encoder):
    for _ in range(2):
        with pytest.raises(EncoderLost):
            encoder.encode_images(pictures(1, FakeRuntime.DIE))
    assert len(encoder.encode_images(pictures(1, 2))) == 2


def test_a_request_that_fails_leaves_the_process_as_it_was(encoder, caplog):
    encoder.start()
    process = process_of(encoder)
    with pytest.raises(EncoderLost, match="a fault in the model"):
        encoder.encode_images(pictures(FakeRuntime.RAISE))
    assert "Traceback" in caplog.text
    assert encoder.encode_texts(["dog"]).shape == (1, 2)
    assert process_of(encoder) is process


def test_a_process_nobody_needs_ends_by_itself_and_comes_back_when_asked():
    with Encoder(SPEC, load=load, idle_seconds=0.1) as encoder:
        encoder.encode_texts(["dog"])
        process = process_of(encoder)
        process.join(LIMIT_SECONDS)
        assert not encoder.running
        assert encoder.info.device == "cuda:0 fake"
        assert not encoder.running
        assert encoder.encode_texts(["dog"]).shape == (1, 2)


def test_a_process_that_goes_to_rest_at_any_moment_loses_no_request():
    with Encoder(SPEC, load=load, idle_seconds=0.001) as encoder:
        for number in range(8):
            assert len(encoder.encode_images(pictures(number))) == 1


def test_closing_ends_the_process_in_the_middle_of_its_work(beside):
    encoder = Encoder(SPEC, load=load)
    encoder.start()
    waiting = beside(encoder.encode_images, pictures(*[FakeRuntime.SLOW] * 200))
    encoder.encode_texts(["it is at work"])
    process = process_of(encoder)
    encoder.close()
    assert not process.is_alive() and not encoder.running
    with pytest.raises(EncoderLost):
        waiting.result(LIMIT_SECONDS)
    encoder.close()
    with pytest.raises(EncoderLost, match="closed"):
        encoder.encode_texts(["dog"])


def test_closing_does_not_wait_for_a_model_to_load(beside):
    encoder = Encoder(SPEC, load=load_for_ever)
    loading = threading.Event()
    waiting = beside(encoder.start, lambda sentence: loading.set())
    assert loading.wait(LIMIT_SECONDS)
    encoder.close()
    with pytest.raises(EncoderLost, match="closed"):
        waiting.result(LIMIT_SECONDS)


def test_an_encoder_that_was_never_used_closes_too():
    Encoder(SPEC, load=load).close()


def test_a_model_that_cannot_be_loaded_says_why_each_time():
    with Encoder(SPEC, load=load_nothing) as encoder:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="The model fake cannot be used: it is only a test"):
                encoder.encode_texts(["dog"])
        assert not encoder.running


def test_a_process_that_always_dies_while_loading_is_given_up_with_a_sentence():
    with Encoder(SPEC, load=load_and_die) as encoder, pytest.raises(ModelUnavailable, match="2 times"):
        _ = encoder.info


def test_a_model_whose_files_changed_is_refused_and_not_mixed_with_the_old_vectors():
    with (
        Encoder(SPEC, load=load_another_model) as encoder,
        pytest.raises(ModelUnavailable, match="its files changed"),
    ):
        _ = encoder.info


def test_the_number_of_threads_reaches_the_process():
    lines = []
    with Encoder(SPEC, load=load, threads=3) as encoder:
        encoder.start(lines.append)
    assert lines == ["Loading fake with 3 threads"]


def test_the_process_writes_nothing_to_our_terminal(capfd):
    with Encoder(SPEC, load=load_noisily) as encoder:
        encoder.start()
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_at_the_terminal_reaches_the_parent_alone(encoder):
    if not hasattr(signal, "SIGINT") or sys.platform == "win32":
        pytest.skip("this platform sends no SIGINT to a process")
    encoder.start()
    process = process_of(encoder)
    os.kill(process.pid, signal.SIGINT)
    assert encoder.encode_texts(["dog"]).shape == (1, 2)
    assert process_of(encoder) is process


_PARENT = """
import sys, threading
sys.path.insert(0, {root!r})
import multiprocessing
from tests.integration.test_encoder_process import SPEC, Encoder, FakeRuntime, load, pictures

if __name__ == "__main__":
    encoder = Encoder(SPEC, load=load)
    encoder.start()
    threading.Thread(target=encoder.encode_images, args=(pictures(*[FakeRuntime.SLOW] * 2000),), daemon=True).start()
    encoder.encode_texts(["it is at work"])
    print(multiprocessing.active_children()[0].pid, flush=True)
    threading.Event().wait()
"""


def test_the_process_ends_with_its_parent_even_at_work(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(_PARENT.format(root=str(ROOT)))
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        parent.wait(LIMIT_SECONDS)
        gone, alive = psutil.wait_procs([child], timeout=LIMIT_SECONDS)
    assert gone and not alive
