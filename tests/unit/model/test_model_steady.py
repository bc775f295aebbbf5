"""What SteadyRuntime does when a device runs out of memory or is lost. The device is a fake; the logic is not."""

import numpy as np
import pytest

from photosearch.model.runtime import DeviceLost, OutOfMemory
from photosearch.model.steady import SteadyRuntime


class FakeDevice:
    """Answers with the first byte of each picture. Takes ``room`` at once, and is lost after ``life`` calls."""

    precision = "fp32"

    def __init__(self, device="cuda:0 fake", *, batch=16, room=1000, life=1000):
        self.device, self.batch, self._room, self._life = device, batch, room, life
        self.calls: list[int] = []

    def encode_images(self, pixels):
        self.calls.append(len(pixels))
        if len(self.calls) > self._life:
            raise DeviceLost("the driver is gone")
        if len(pixels) > self._room:
            raise OutOfMemory("no room")
        return pixels.reshape(len(pixels), -1)[:, :1].astype(np.float32)

    def encode_texts(self, texts):
        return self.encode_images(np.array([[len(t)] for t in texts], np.uint8))


class NoFallback:
    def __call__(self):
        raise AssertionError("the CPU was not needed")


PIXELS = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
IN_ORDER = list(range(50))


def test_many_pictures_are_encoded_in_batches_and_in_order():
    device = FakeDevice(batch=16)
    looks = []
    rows = SteadyRuntime(device, NoFallback()).encode_images(PIXELS, between=lambda: looks.append(len(device.calls)))
    assert rows[:, 0].tolist() == IN_ORDER
    assert device.calls == [16, 16, 16, 2]
    assert looks == [1, 2, 3, 4]


def test_out_of_memory_halves_the_batch_until_it_fits_and_it_stays_so():
    device = FakeDevice(batch=16, room=5)
    steady = SteadyRuntime(device, NoFallback())
    assert steady.encode_images(PIXELS)[:, 0].tolist() == IN_ORDER
    assert steady.batch == 4 and device.calls[:3] == [16, 8, 4]
    device.calls.clear()
    steady.encode_images(PIXELS[:8])
    assert device.calls == [4, 4]


def test_a_device_too_small_for_one_picture_gives_way_to_the_cpu(caplog):
    device, cpu = FakeDevice(batch=4, room=0), FakeDevice("cpu", batch=2)
    steady = SteadyRuntime(device, lambda: cpu)
    assert steady.encode_images(PIXELS)[:, 0].tolist() == IN_ORDER
    assert device.calls == [4, 2, 1]
    assert (steady.device, steady.batch) == ("cpu", 2)
    assert "going on with the CPU" in caplog.text


def test_a_device_that_runs_short_twice_and_then_dies_loses_no_picture():
    device, cpu = FakeDevice(batch=16, room=4, life=5), FakeDevice("cpu", batch=8)
    steady = SteadyRuntime(device, lambda: cpu)
    assert steady.encode_images(PIXELS)[:, 0].tolist() == IN_ORDER
    assert device.calls == [16, 8, 4, 4, 4, 4]
    assert sum(cpu.calls) == 50 - 12
    assert steady.encode_texts(["abc"])[0, 0] == 3
    assert steady.device == "cpu"


def test_a_device_lost_over_a_text_is_replaced_too():
    steady = SteadyRuntime(FakeDevice(life=0), lambda: FakeDevice("cpu"))
    assert steady.encode_texts(["a", "bb"])[:, 0].tolist() == [1, 2]
    assert steady.device == "cpu"


def test_a_cpu_without_memory_for_one_picture_says_so():
    with pytest.raises(OutOfMemory):
        SteadyRuntime(FakeDevice("cpu", batch=4, room=0), NoFallback()).encode_images(PIXELS)


def test_the_cpu_cannot_be_lost_twice():
    with pytest.raises(DeviceLost):
        SteadyRuntime(FakeDevice(life=0), lambda: FakeDevice("cpu", life=0)).encode_images(PIXELS)
