"""Opens exported towers. ONNX Runtime and the tokenizer are imported when the first one is opened, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def image_tower(folder: Path, *, lanes: int) -> Callable[[np.ndarray], np.ndarray]:
    """uint8 [n, height, width, 3] to float32 [n, dim], unit rows. Raises whatever ONNX Runtime raises."""
    from photosearch.model import onnx_runtime

    return onnx_runtime.Tower(folder, lanes=lanes, keep_memory=True)


def text_tower(folder: Path, tokenizer: Mapping[str, Any], *, threads: int) -> Callable[[Sequence[str]], np.ndarray]:
    """n texts to float32 [n, dim], unit rows. Raises whatever ONNX Runtime raises."""
    from photosearch.model import clip_tokenizer, onnx_runtime

    tokenize = clip_tokenizer.ClipTokenizer(**tokenizer)
    tower = onnx_runtime.Tower(folder, threads=threads, keep_memory=False)
    return lambda texts: tower(tokenize(texts))
