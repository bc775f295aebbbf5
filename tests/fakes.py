"""An encoder that sees colours only: instant, and right about them. For tests whose subject is not the model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photosearch.model import ModelInfo, ModelSpec, Preprocess

SIDE_PX = 16
_GRID = 4
_COLOURS = {
    "red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 220), "yellow": (230, 220, 30),
    "white": (250, 250, 250), "black": (8, 8, 8), "grey": (128, 128, 128),
}  # fmt: skip


class ColourEncoder:
    """Vectors are a picture's colours on a coarse grid; a text is the colour that it names. Counts what it encodes."""

    record = None

    def __init__(
        self,
        spec: ModelSpec,
        *,
        device: str = "auto",
        batch: int = 8,
        threads: int | None = None,
        exports: Path | None = None,
    ) -> None:
        self.info = ModelInfo(
            identity=spec.identity or f"colours-{spec.name}",
            name=spec.name,
            dim=3 * _GRID * _GRID + 1,
            preprocess=Preprocess(
                side_px=SIDE_PX,
                resize_mode="squash",
                interpolation="bicubic",
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                fill=0,
            ),
            device=device,
            precision="fp32",
            batch=batch,
        )
        self.images = 0
        self.texts = 0
        self.gate = threading.Event()
        """Clear it to hold images back."""
        self.gate.set()
        self.waiting = False
        """Whether somebody came to a closed gate."""

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self.waiting = not self.gate.is_set()
        self.gate.wait()
        self.images += len(pixels)
        return _vectors(pixels)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        return np.concatenate([_vectors(_picture_of(text)) for text in texts])

    def __enter__(self) -> ColourEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> ModelInfo:
        return self.info

    def start_soon(self) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def close(self) -> None:
        self.gate.set()


def _picture_of(text: str) -> np.ndarray:
    colour = next((rgb for name, rgb in _COLOURS.items() if name in text.split()), _COLOURS["grey"])
    return np.broadcast_to(np.array(colour, np.uint8), (1, SIDE_PX, SIDE_PX, 3))


def _vectors(pixels: np.ndarray) -> np.ndarray:
    step = SIDE_PX // _GRID
    cells = pixels.reshape(len(pixels), _GRID, step, _GRID, step, 3).mean(axis=(2, 4)).reshape(len(pixels), -1)
    raw = np.concatenate([cells / 127.5 - 1.0, np.full((len(pixels), 1), 0.3)], axis=1)
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
