"""A pipeline built as rclip 3.3 is: threads that decode in full, ONNX Runtime fp32, batches of 8, three batches ahead.

It is the mark that indexing is measured against. It does less than PhotoSearch: no hash, no thumbnail, no facts, no
catalog; only a vector for each photo.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

_BATCH = 8
_BATCHES_AHEAD = 3
_LOADERS = min(16, (os.cpu_count() or 1) + 4)
_SIDE_PX = 224
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

# In a process of its own: torch stays out of the one that is measured.
_MAKE_MODEL = """
import json, sys
from pathlib import Path
from photosearch.model import torchvision_cpu
torchvision_cpu.prepare()
import open_clip, torch
from safetensors.torch import save_file
folder = Path(sys.argv[1]); folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
config = open_clip.get_model_config("ViT-B-32")
cfg = open_clip.get_model_preprocess_cfg(model)
keep = {k: cfg[k] for k in ("mean", "std", "interpolation", "resize_mode")}
(folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": keep}))
torch.backends.mha.set_fastpath_enabled(False)
torch.onnx.export(model.visual, torch.zeros(1, 3, 224, 224), folder.with_suffix(".onnx"), dynamo=False,
                  input_names=["pixels"], output_names=["vectors"], opset_version=17,
                  dynamic_axes={"pixels": {0: "n"}, "vectors": {0: "n"}})
"""


def make_model(folder: Path) -> Path:
    """Write ViT-B-32 with random weights as an open_clip folder, and its image tower as fp32 ONNX beside it.

    Returns the ONNX file. Random weights cost what real ones cost.
    """
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", _MAKE_MODEL, str(folder)], check=True, env=environment)
    return folder.with_suffix(".onnx")


def photos_per_second(onnx_file: Path, files: Sequence[Path]) -> float:
    """Index ``files`` the reference's way; the model is loaded before the clock starts."""
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(onnx_file), providers=["CPUExecutionProvider"])
    session.run(None, {"pixels": np.zeros((_BATCH, 3, _SIDE_PX, _SIDE_PX), np.float32)})
    started = time.perf_counter()
    done = 0
    with ThreadPoolExecutor(_LOADERS) as pool:
        waiting = deque(files)
        loading: deque[Future] = deque()
        while waiting or loading:
            while waiting and len(loading) < _BATCH * _BATCHES_AHEAD:
                loading.append(pool.submit(_load, waiting.popleft()))
            batch = np.stack([loading.popleft().result() for _ in range(min(_BATCH, len(loading)))])
            vectors = session.run(None, {"pixels": batch})[0]
            done += len(vectors)
    return done / (time.perf_counter() - started)


def _load(file: Path) -> np.ndarray:
    """Decode in full, shortest side to 224, centre crop: float32 [3, 224, 224]."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    scale = _SIDE_PX / min(picture.size)
    width, height = (max(_SIDE_PX, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - _SIDE_PX) // 2, (height - _SIDE_PX) // 2
    pixels = np.asarray(picture.crop((left, top, left + _SIDE_PX, top + _SIDE_PX)), np.float32) / 255
    return ((pixels - _MEAN) / _STD).transpose(2, 0, 1)
