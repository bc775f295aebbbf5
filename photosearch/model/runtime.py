"""What runs a model's two towers: the contract, and how it says that the device gave up.

``torch_runtime`` and ``exported`` implement it; ``steady`` keeps work going when a runtime raises OutOfMemory or
DeviceLost; an ``Upkeep`` makes the next process a better one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from photosearch.model.manifest import ModelInfo, ModelSpec


class OutOfMemory(Exception):
    """The batch was too large for the device; a smaller one may fit."""


class DeviceLost(Exception):
    """The device does not answer as it should; nothing more can be expected of it."""


class Runtime(Protocol):
    """The towers of one model on one device."""

    device: str
    precision: str
    batch: int
    """Images that suit the device at once."""

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [n, height, width, 3] to float32 [n, dim], unit rows. Raises OutOfMemory or DeviceLost."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """n texts to float32 [n, dim], unit rows. Raises OutOfMemory or DeviceLost."""


class Upkeep(Protocol):
    """Work on the model itself that is done between requests, so that the next process runs it better."""

    @property
    def at_once(self) -> bool:
        """It takes a moment only: do it before the first request."""

    @property
    def when_idle(self) -> bool:
        """It takes long: do it when nobody asks for anything."""

    @property
    def due(self) -> bool:
        """It pays now, even though more is asked."""

    def saw(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        """Pictures that were encoded, and their rows."""

    def run(self) -> bool:
        """Do it, once. True: this process should make room for one that uses what was made. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to load. ``device``: ``auto`` or ``cpu``. ``threads``: for work on the CPU. ``exports``: their folder.
    ``lanes``: how many batches of pictures an export encodes side by side."""

    device: str
    threads: int
    allow_download: bool
    exports: Path | None = None
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready, and how to make a runtime of it on the CPU should its device be lost."""

    info: ModelInfo
    runtime: Runtime
    on_cpu: Callable[[], Runtime]
    upkeep: Upkeep | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """How much of a file that is downloaded is here, in bytes. ``total`` is 0 while it is not known."""

    done: int
    total: int


Say = Callable[[str | Fetched], None]
"""Tells the user what loading is doing: in a sentence, or how far a download is."""

Load = Callable[[ModelSpec, Options, Say], Loaded]
"""Loads a model, in the encoder process. Raises ModelUnavailable."""
