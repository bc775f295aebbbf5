"""How a training run goes: by the clock or by steps, on which device, and how it is stopped and taken up again."""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

SAVE_EVERY_SECONDS = 120
_WARM_UP = 0.03


class Course:
    """Where a run stands between 0 and 1, by the clock (``minutes``) or by ``steps``; one of the two is 0.

    ``spent_seconds`` and ``step`` are what a checkpoint keeps: minutes count over all sittings of a run.
    """

    def __init__(self, *, minutes: float = 0, steps: int = 0) -> None:
        if (minutes > 0) == (steps > 0):
            raise ValueError("say either how many minutes or how many steps a run has")
        self._minutes, self._steps = minutes, steps
        self._before_seconds = 0.0
        self._started = time.monotonic()
        self.step = 0

    @property
    def spent_seconds(self) -> float:
        return self._before_seconds + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """0 at the start, 1 or more at the end."""
        return self.step / self._steps if self._steps else self.spent_seconds / 60 / self._minutes

    def rate(self, highest: float) -> float:
        """Learning rate: up in a line over 3 % of the run, then down along a cosine (Loshchilov and Hutter 2017)."""
        at = min(self.progress, 1.0)
        if at < _WARM_UP:
            return highest * max(at / _WARM_UP, 0.01)
        return highest * max(0.5 * (1 + math.cos(math.pi * (at - _WARM_UP) / (1 - _WARM_UP))), 0.001)

    def state(self) -> dict[str, float]:
        return {"step": self.step, "spent_seconds": self.spent_seconds}

    def take_up(self, state: Mapping[str, float]) -> None:
        self.step = int(state["step"])
        self._before_seconds = state["spent_seconds"]
        self._started = time.monotonic()


class Randomness:
    """The two generators of a run, so that a run that is taken up goes on as if it had never stopped."""

    def __init__(self, seed: int) -> None:
        self.numbers = np.random.default_rng(seed)
        torch.manual_seed(seed)
        random.seed(seed)

    def state(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"numbers": self.numbers.bit_generator.state, "torch": torch.get_rng_state(), "cuda": cuda}

    def take_up(self, state: Mapping[str, Any]) -> None:
        self.numbers.bit_generator.state = state["numbers"]
        torch.set_rng_state(state["torch"])
        if torch.cuda.is_available() and state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])


def save(file: Path, state: Mapping[str, Any]) -> None:
    """A checkpoint, whole or not at all: a run that is killed while saving still has the one before."""
    temporary = file.with_name("." + file.name)
    torch.save(dict(state), temporary)
    temporary.replace(file)


def read(file: Path) -> dict[str, Any] | None:
    """A checkpoint, on the processor, or None where there is none."""
    return torch.load(file, map_location="cpu", weights_only=True) if file.exists() else None


class Learner(Protocol):
    """What a run trains."""

    way: Course

    def step(self) -> float: ...

    def state(self) -> dict[str, Any]: ...


def train(learner: Learner, file: Path, config: Mapping[str, Any]) -> None:
    """Until the course is at its end, saving and saying so now and then, and at the end."""
    saved = time.monotonic()
    losses: list[float] = []
    while learner.way.progress < 1:
        losses.append(learner.step())
        if time.monotonic() - saved > SAVE_EVERY_SECONDS:
            saved = time.monotonic()
            save(file, {"config": config, **learner.state()})
            mean = sum(losses) / len(losses)
            print(f"{learner.way.progress:.0%}, step {learner.way.step}, loss {mean:.3f}", flush=True)
            losses.clear()
    save(file, {"config": config, **learner.state()})
    print(f"done after {learner.way.step} steps and {learner.way.spent_seconds / 60:.1f} minutes", flush=True)


def device_of(name: str) -> torch.device:
    """``auto``: the first GPU, else the processor; or what torch calls a device."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(name)


def mixed(device: torch.device) -> contextlib.AbstractContextManager:
    """bfloat16 where the device computes faster in it; its range needs no scaling of the loss."""
    fast = device.type == "cuda" or (device.type == "cpu" and torch.backends.mkldnn.is_available() and _has_bf16())
    return torch.autocast(device.type, torch.bfloat16) if fast else contextlib.nullcontext()


def _has_bf16() -> bool:
    with contextlib.suppress(OSError):
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--minutes``, ``--steps``, ``--device``, ``--threads``, ``--seed``."""
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0, help="how long to train, over all sittings")
    length.add_argument("--steps", type=int, default=0, help="how many steps to train, over all sittings")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    parser.add_argument("--threads", type=int, default=1, help="on the processor: as many as cores are free")
    parser.add_argument("--seed", type=int, default=1)
